#!/usr/bin/env bash
# build.sh OUT: fetches from Maven's repository what is needed, generates the shop's stubs,
# builds the sample and its tests under OUT; then OUT/test and OUT/sample HOST:PORT run
# them, without Maven. Nothing is done again while nothing changed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
proto=$(cd "$here/../../proto" && pwd)
mkdir -p "${1:?usage: build.sh OUT}"
out=$(cd "$1" && pwd)
exec 9>"$out/lock"
flock 9

wanted=$(find "$here/pom.xml" "$here/build.sh" "$here/src" "$proto" -type f -print0 |
  LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
[[ ! -e $out/built || $(<"$out/built") != "$wanted" ]] || exit 0
rm -rf "${out:?}"/{built,lib,sample,target,test}

# The log of Maven's own libraries is of use only when it fails, and -q leaves errors.
mvn -q -B -f "$here/pom.xml" -Dout="$out/target" -DoutputDirectory="$out/lib" \
  test-compile org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies

java='exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx256m'
cat >"$out/sample" <<RUN
#!/bin/sh
$java -cp "$out/target/classes:$out/lib/*" dev.storegate.sample.Story "\$@"
RUN
cat >"$out/test" <<RUN
#!/bin/sh
$java -cp "$out/target/test-classes:$out/target/classes:$out/lib/*" \\
  org.junit.platform.console.ConsoleLauncher execute --disable-banner --disable-ansi-colors \\
  --fail-if-no-tests --scan-class-path="$out/target/test-classes" "\$@"
RUN
chmod +x "$out/sample" "$out/test"
printf '%s\n' "$wanted" >"$out/built"
