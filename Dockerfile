# The gateway: built on Debian 12, and what it needs of that to run.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY packages.txt ./
# What only tests need stays out.
# hadolint ignore=DL3008,SC2046
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    $(grep -Ev '^(#|$|postgresql|libgtest|libgmock|ccache|python3)' packages.txt) \
 && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt ./
COPY cmake cmake
COPY proto proto
COPY migrations migrations
COPY templates templates
COPY docs/ci docs/ci
COPY server server
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DSTOREGATE_TESTS=OFF \
 && cmake --build build --target storegate \
 && strip build/storegate

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    ca-certificates libgrpc++1.51 libmongoc-1.0-0 libpq5 libprotobuf32 libre2-9 libsodium23 \
    libspdlog1.10 libsqlite3-0 libutf8proc2 libyaml-cpp0.7 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --shell /usr/sbin/nologin --create-home --home-dir /data storegate
COPY --from=build /src/build/storegate /usr/local/bin/storegate
COPY docker/healthcheck /usr/local/bin/healthcheck
# A SQLite database, where that is what it serves, is kept here.
WORKDIR /data
VOLUME /data
USER 10001
EXPOSE 7600
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["healthcheck"]
# Plaintext: encryption towards others is that of what stands before it.
ENTRYPOINT ["storegate"]
CMD ["serve", "--listen", "0.0.0.0:7600", "--insecure"]
