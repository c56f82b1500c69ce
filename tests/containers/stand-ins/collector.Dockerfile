# In place of docker.io/otel/opentelemetry-collector-contrib: monitoring/collector, built with Go, and nothing else, as there.
FROM scratch
COPY otelcol-mesh /otelcol-contrib
USER 10001:10001
ENTRYPOINT ["/otelcol-contrib"]
