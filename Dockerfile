# syntax=docker/dockerfile:1
# Images of Agent Mesh: one target per service (docs/containers.md).
#   docker build --target agents -t agent-mesh/agents .
# No npm, no compiler and no CUDA in what runs; nobody is root; the root file system may be read-only.

ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# A registry of your own: --secret id=npmrc,src=$HOME/.npmrc
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    # npm refuses `ci` where the lock lacks an optional package of another platform; `install` keeps to the lock as well.
    npm ci --omit=dev || npm install --omit=dev --no-save
# The bill of materials names what is installed; npm would call the left-out development tools missing. The server of
# Chroma comes with its client and has a container of its own.
RUN npm pkg delete devDependencies \
    && npm sbom --sbom-format cyclonedx > sbom.cdx.json \
    && rm -rf node_modules/chromadb-js-bindings-*

# The pages of the dashboard, and nothing of what builds them.
FROM ${NODE_IMAGE} AS pages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci || npm install --no-save
COPY . .
RUN npm run dashboard

# What runs, without the sources of the pages.
FROM ${NODE_IMAGE} AS sources
WORKDIR /app
COPY . .
RUN rm -rf dashboard/src dashboard/static dashboard/vite.config.ts dashboard/tsconfig.json

FROM ${NODE_IMAGE} AS runtime
RUN { command -v tini || { apt-get update && apt-get install -y --no-install-recommends tini; }; } \
    && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx \
       /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && groupadd --gid 10001 mesh && useradd --uid 10001 --gid mesh --home-dir /var/lib/mesh --shell /usr/sbin/nologin mesh \
    && install -d -o mesh -g mesh -m 0750 /var/lib/mesh /var/lib/mesh/knowledge /var/lib/mesh/models /run/mesh \
    && for one in server owner keeper agents llm tools gateway dashboard public; do \
         install -d -o mesh -g mesh -m 0755 /run/identities/$one; done
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=dependencies /app/sbom.cdx.json ./
COPY --from=sources /app ./
# What is compiled once is kept in memory alone: the root file system is read-only.
ENV NODE_ENV=production \
    MESH_HOME=/var/lib/mesh \
    MESH_HEALTH_PORT=7450 \
    NODE_COMPILE_CACHE=/tmp/node-cache
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Agent Mesh" \
      org.opencontainers.image.description="A local-first, crash-resumable mesh of LLM agents" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}"
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "node", "containers/start.ts"]
# Whether it takes work now; a start that opens a long log has ten minutes.
HEALTHCHECK --interval=10s --timeout=5s --start-period=600s --retries=3 \
    CMD ["node", "containers/ask-health.ts", "readyz"]

FROM runtime AS agents
CMD ["agents"]

FROM runtime AS llm
CMD ["llm"]

FROM runtime AS tools
CMD ["tools"]

FROM runtime AS router
ENV ROUTER_SERVICE_HOST=0.0.0.0
EXPOSE 50071
CMD ["router"]

FROM runtime AS keeper
CMD ["keeper"]

FROM runtime AS gateway
ENV MESH_GATEWAY_HOST=0.0.0.0 \
    MESH_GATEWAY_CALLERS=/run/mesh/callers.json
EXPOSE 7443 7444
CMD ["gateway"]

FROM runtime AS dashboard
COPY --from=pages /app/dashboard/build ./dashboard/build
ENV MESH_DASHBOARD_HOST=0.0.0.0
EXPOSE 7445
CMD ["dashboard"]
