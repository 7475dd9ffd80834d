# The control plane and its workers: `serve` (default) or `work`. Redis is outside: KIPPER_REDIS_URL. The key file needs a volume of its own.
FROM node:24-bookworm-slim AS build
WORKDIR /kipper
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit
COPY . .
RUN node bin/bundle.ts && npm prune --omit=dev

FROM node:24-bookworm-slim
RUN useradd --system --uid 10001 --create-home kipper && install -d -o kipper -m 0700 /data /key
WORKDIR /kipper
COPY --from=build /kipper/dist dist
COPY --from=build /kipper/node_modules node_modules
COPY --from=build /kipper/package.json package.json
USER kipper
ENV KIPPER_DATA=/data KIPPER_KEY_FILE=/key/kipper.key KIPPER_LISTEN=0.0.0.0:8700 KIPPER_BEHIND_PROXY=1
VOLUME ["/data", "/key"]
EXPOSE 8700
ENTRYPOINT ["node", "--max-semi-space-size=4", "dist/kipper.mjs"]
CMD ["serve"]
