# Anygate in an image: two stages, so that neither pip's leavings nor the sources are in it.
#
#   docker build -t anygate .
#   docker run -p 8080:8080 -v ./config.yaml:/etc/anygate/config.yaml:ro -v anygate:/data --env-file .env anygate
#
# In config.yaml: store: sqlite:/data/anygate.db and media: {dir: /data/media}. docs/deploy.md has the rest.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
COPY translators translators
RUN python -m venv /opt/anygate && /opt/anygate/bin/pip install ".[redis,audio]"

FROM python:${PYTHON}-slim
# Nothing is written beside the code, which may lie on a read-only file system; lines of the log come at once.
ENV PATH=/opt/anygate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data anygate \
    && install --directory --owner=anygate --group=anygate --mode=0700 /data
COPY --from=build /opt/anygate /opt/anygate
USER 10001:10001
WORKDIR /data
# The SQLite store and the media folder.
VOLUME ["/data"]
EXPOSE 8080
# What `anygate serve` takes as the word to let streams and submits end. No shell stands in between.
STOPSIGNAL SIGTERM
# Not by urllib: it would ask the HTTP_PROXY that leads to the gateways.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1:8080', timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["anygate"]
CMD ["serve", "--config", "/etc/anygate/config.yaml", "--host", "0.0.0.0", "--port", "8080"]
