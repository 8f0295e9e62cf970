#!/usr/bin/env bash
# The API against its own description: the OpenAPI document is valid, and schemathesis finds no server error, no answer outside the
# schema, nothing valid refused and nothing invalid taken. Installs both by pip; skips loudly where that is not possible.
# The first argument is the binary, the second the number of examples per operation.
set -euo pipefail
cd "$(dirname "$0")/.."
foryou=$1 examples=${2:-300}

work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill "$service" 2>/dev/null || true; rm -rf "$work"' EXIT

venv=${CARGO_TARGET_DIR:-$PWD/target}/schemathesis-venv
if [ ! -x "$venv/bin/schemathesis" ]; then
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'schemathesis>=4,<5' openapi-spec-validator; }; then
    echo "SKIPPED: schemathesis and openapi-spec-validator could not be installed by pip"
    exit 0
  fi
fi

for i in $(seq 40); do
  at=$((1700000000000 + i * 60000))
  echo "{\"type\":\"post\",\"at\":$at,\"post_id\":$i,\"author_id\":$((i % 5 + 1)),\"text\":\"post $i\"}"
  echo "{\"type\":\"action\",\"at\":$at,\"user_id\":$((i % 7 + 10)),\"post_id\":$i,\"action\":\"favorite\"}"
done >"$work/events.jsonl"
"$foryou" import events "$work/events.jsonl" --data "$work/data" >/dev/null

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$foryou" up --data "$work/data" --listen "127.0.0.1:$port" 2>"$work/service.log" &
service=$!
url=http://127.0.0.1:$port
for _ in $(seq 100); do
  curl --silent --fail "$url/readyz" >/dev/null && break
  sleep 0.1
done

curl --silent --fail "$url/openapi.json" >"$work/openapi.json"
"$venv/bin/openapi-spec-validator" "$work/openapi.json"
SCHEMATHESIS_HOOKS=.ci/schemathesis_hooks.py "$venv/bin/schemathesis" --config-file .ci/schemathesis.toml \
  run "$work/openapi.json" --url "$url" --max-examples "$examples" --seed 1 --no-color
kill -0 "$service" || { echo "the service ended:"; cat "$work/service.log"; exit 1; }
if grep -i panicked "$work/service.log"; then exit 1; fi
