# Builds vecfill and puts it, with its jobs, its catalogue and OpenAI's vocabulary, on a slim Debian. See docs/install.md.
#
#   docker build -t vecfill:0.1.0 --build-arg COMMIT="$(git rev-parse --short=12 HEAD)" .
#   docker run --rm --env-file .env -v vecfill-ledger:/ledger vecfill:0.1.0 run /jobs/backfill-embeddings.yaml
#
# To pin the images, name them by digest: --build-arg DEBIAN=debian@sha256:...
ARG SWIFT=swift:6.3.1-bookworm
ARG DEBIAN=debian:12-slim

FROM ${SWIFT} AS build
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends libpq-dev libcurl4-openssl-dev libsqlite3-dev libssl-dev zlib1g-dev pkg-config \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The packages are a layer of their own, fetched again only where Package.swift changes; it pins each to one version.
COPY Package.swift ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
ARG COMMIT=
RUN VECFILL_COMMIT="$COMMIT" swift build -c release --static-swift-stdlib --product vecfill \
  && cp .build/release/vecfill /vecfill \
  && strip /vecfill

FROM ${DEBIAN}
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends ca-certificates libcurl4 libpq5 libsqlite3-0 libssl3 libstdc++6 \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o 65532 -g 65532 -m 0700 /ledger
COPY --from=build /vecfill /usr/local/bin/vecfill
# From OpenAI, or from another URL: --build-arg VOCABULARY=https://... Its SHA-256 is checked. Without it tokens would be
# estimated.
ARG VOCABULARY=
RUN VECFILL_DATA_DIR=/usr/local/share/vecfill vecfill tokenizer install ${VOCABULARY:+--from "$VOCABULARY"}
COPY config /usr/local/share/vecfill/config
COPY jobs /jobs
USER 65532:65532
ENV HOME=/ledger XDG_STATE_HOME=/ledger VECFILL_LEDGER=/ledger/vecfill.db
VOLUME /ledger
# Exec form: vecfill is the process that gets SIGTERM.
ENTRYPOINT ["vecfill"]
CMD ["--help"]
