# Builds vecfill and puts it, with its jobs and its catalogue, on a slim Debian.
#
#   docker build -t vecfill:0.1.0 .
#   docker run --rm --env-file .env -v vecfill-ledger:/ledger vecfill:0.1.0 run /jobs/backfill-embeddings.yaml
FROM swift:6.3-bookworm AS build
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends libpq-dev libcurl4-openssl-dev libsqlite3-dev libssl-dev pkg-config
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib --product vecfill \
  && strip "$(swift build -c release --static-swift-stdlib --show-bin-path)/vecfill" \
  && cp "$(swift build -c release --static-swift-stdlib --show-bin-path)/vecfill" /vecfill

FROM debian:bookworm-slim
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends ca-certificates libpq5 libcurl4 libsqlite3-0 libssl3 \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o 65532 -g 65532 -m 0700 /ledger
COPY --from=build /vecfill /usr/local/bin/vecfill
COPY config /usr/local/share/vecfill/config
COPY jobs /jobs
USER 65532:65532
ENV HOME=/ledger XDG_STATE_HOME=/ledger VECFILL_LEDGER=/ledger/vecfill.db
VOLUME /ledger
# Exec form: vecfill is the process that gets SIGTERM.
ENTRYPOINT ["vecfill"]
CMD ["--help"]
