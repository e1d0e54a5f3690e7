#!/usr/bin/env bash
# The tests against moto, an implementation of the EventBridge and SQS APIs that is not ours. Needs Python 3 with venv and pip.
# EVENTBRIDGE_TEST_ENDPOINT names another endpoint instead: nothing is installed or started then.
set -euo pipefail
cd "$(dirname "$0")/.."
moto='moto[server]==5.2.5'

if [ -z "${EVENTBRIDGE_TEST_ENDPOINT:-}" ]; then
  work=$(mktemp -d)
  server=''
  finish() {
    if [ -n "$server" ]; then
      kill "$server" 2> /dev/null || true
      wait "$server" 2> /dev/null || true
    fi
    rm -rf "$work"
  }
  trap finish EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$moto"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$work/venv/bin/moto_server" -H 127.0.0.1 -p "$port" > "$work/moto.log" 2>&1 &
  server=$!
  export EVENTBRIDGE_TEST_ENDPOINT="http://127.0.0.1:$port"
  for attempt in $(seq 1 300); do
    if node -e "fetch('$EVENTBRIDGE_TEST_ENDPOINT/moto-api/').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"; then break; fi
    if ! kill -0 "$server" 2> /dev/null || [ "$attempt" = 300 ]; then
      cat "$work/moto.log" >&2
      echo 'moto did not start' >&2
      exit 1
    fi
    sleep 0.1
  done
fi

npx vitest run --config test/eventbridge/vitest.config.ts "$@"
