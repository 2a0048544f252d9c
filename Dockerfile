# docker run -p 9877:9877 -v mttx:/data -v ./tokens.yml:/run/secrets/mttx-tokens:ro mttx-exporter
# Runs as any user and with a read-only root (--read-only); only /data is written to.

FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements-build.txt requirements-image.txt pyproject.toml README.md LICENSE ./
COPY service service
COPY dashboards dashboards
COPY alert_rules alert_rules
COPY docs/runbook.md docs/
COPY sources sources
# Compiled by content instead of by time: the same sources give the same files, and a start compiles nothing.
# Everything that is fetched is checked by its hash; the wheel is built by what was fetched so, and brings nothing along.
RUN python -m venv /opt/mttx \
 && /opt/mttx/bin/pip install --no-compile --no-deps --require-hashes --requirement requirements-image.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-deps --require-hashes --requirement requirements-build.txt \
 && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheels . \
 && /opt/mttx/bin/pip install --no-compile --no-deps /opt/wheels/*.whl \
 && /opt/mttx/bin/pip uninstall --yes --quiet pip \
 && python -m compileall -q -f --invalidation-mode unchecked-hash /opt/mttx

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="mttx-exporter" \
      org.opencontainers.image.description="Measures how well incidents are handled, as Prometheus metrics" \
      org.opencontainers.image.source="https://github.com/mttx-exporter/mttx-exporter" \
      org.opencontainers.image.documentation="https://github.com/mttx-exporter/mttx-exporter/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/mttx /opt/mttx
RUN install --directory --owner=65532 --group=65532 /data
# In a container the loopback address reaches nobody, so it listens everywhere, and therefore asks for tokens: without
# the file it says so and stops.
# hadolint ignore=DL3064 # MTTX_TOKENS_FILE names a file; the tokens are in it
ENV PATH=/opt/mttx/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MTTX_LISTEN=0.0.0.0:9877 \
    MTTX_DATABASE_URL=sqlite:////data/mttx.db \
    MTTX_TOKENS_FILE=/run/secrets/mttx-tokens
USER 65532:65532
VOLUME ["/data"]
# Also where mttx.yml is looked for, and where SQLite puts its temporary files when /tmp cannot be written to.
WORKDIR /data
EXPOSE 9877
# It ends what it has begun, at most 8 s, before Docker's patience of 10 s is over.
STOPSIGNAL SIGTERM
# 401 is healthy too: with `metrics_auth` the probes ask for a token.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=2s CMD ["python", "-c", "\
import http.client, os\n\
port = int(os.environ['MTTX_LISTEN'].rpartition(':')[2])\n\
connection = http.client.HTTPConnection('127.0.0.1', port, timeout=4)\n\
connection.request('GET', '/-/healthy')\n\
raise SystemExit(connection.getresponse().status not in (200, 401))"]
ENTRYPOINT ["mttx"]
CMD ["serve"]
