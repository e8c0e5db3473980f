#!/usr/bin/env bash
# build.sh DIR: the test server in DIR, which DIR/run PORT FILE starts. Once built it
# needs no network, also not to be built again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
# One at a time, as runs under sanitizers share it.
exec 9>"$out/lock"
flock 9

wanted=$(cd "$here" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum)
[[ ! -e $out/built || $(<"$out/built") != "$wanted" ]] || exit 0
rm -rf "${out:?}/built" "$out/classes" "$out/run"

if [[ ! -e $out/lib/pom.xml ]] || ! cmp -s "$here/pom.xml" "$out/lib/pom.xml"; then
  rm -rf "${out:?}/lib"
  mvn -q -B -f "$here/pom.xml" -DoutputDirectory="$out/lib" -DincludeScope=runtime \
    dependency:copy-dependencies
  cp "$here/pom.xml" "$out/lib/pom.xml"
fi

mkdir "$out/classes"
mapfile -t sources < <(find "$here/src" -name '*.java')
javac -Xlint:all -Werror -cp "$out/lib/*" -d "$out/classes" "${sources[@]}"

# Our classes first: two of them stand in for the server's own. Memory is for
# documents of 16 MB; a heap that gives back what it does not use takes 60 MB.
cat >"$out/run" <<END
#!/bin/sh
exec java -Xms16m -Xmx512m -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=30 -XX:+UseSerialGC \\
  -XX:+ExitOnOutOfMemoryError -XX:TieredStopAtLevel=1 -Xss4m -Xshare:auto \\
  -cp "$out/classes:$out/lib/*" storegate.test.Main "\$@"
END
chmod +x "$out/run"
printf '%s\n' "$wanted" >"$out/built"
