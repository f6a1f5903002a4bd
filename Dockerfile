# docker build -t carnet .     See docs/service.md for how to run it.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked && mkdir -p /out/data && cp target/dist/carnet /out/carnet

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/carnet /usr/bin/carnet
COPY --from=build --chown=65532:65532 /out/data /data
# Settings, mirror and books: a volume. The password: CARNET_CRM_PASSWORD_FILE, a mounted secret.
WORKDIR /data
VOLUME /data
USER 65532:65532
ENV CARNET_CONFIG=/data/carnet.toml
# The program looks for itself; 3 is healthy: something waits for a person.
HEALTHCHECK --interval=5m --timeout=30s --start-period=2m \
    CMD carnet --quiet status || [ $? -eq 3 ]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/carnet"]
CMD ["daemon"]
