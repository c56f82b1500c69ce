# In place of docker.io/library/nats:2.12.12-alpine: the same server, built with Go; wget asks for its health.
ARG NODE_IMAGE
FROM ${NODE_IMAGE}
COPY nats-server /usr/local/bin/nats-server
ENTRYPOINT ["nats-server"]
