#!/usr/bin/env bash
# Runs a command with AWS's own DynamoDB Local behind it:
#   scripts/dynamodb-local.sh npm run test:dynamodb
# Fetches it from the npm registry (55 MB; its licence is for holders of an AWS account), starts it in memory on a free port of
# loopback, sets DYNAMODB_ENDPOINT, and stops it afterwards. Needs Java 17. DYNAMODB_LOCAL_DIR keeps what was fetched.
set -euo pipefail

if [ $# -eq 0 ]; then
  echo 'Say what to run: scripts/dynamodb-local.sh npm run test:dynamodb' >&2
  exit 2
fi
if ! java -version > /dev/null 2>&1; then
  echo 'DynamoDB Local needs Java 17, and there is no java here.' >&2
  exit 3
fi

work=$(mktemp -d)
pid=
finish() {
  if [ -n "$pid" ]; then
    kill "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

home=${DYNAMODB_LOCAL_DIR:-$work}
emulator=$home/package/emulator
if [ ! -f "$emulator/DynamoDBLocal.jar" ]; then
  mkdir -p "$home"
  npm pack --silent --pack-destination "$work" amplify-dynamodb-simulator@2.9.30 > /dev/null
  tar -xzf "$work"/amplify-dynamodb-simulator-*.tgz -C "$home"
fi

port=$(node -e "const s=require('node:net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
java -Xmx1g "-Djava.library.path=$emulator/DynamoDBLocal_lib" -jar "$emulator/DynamoDBLocal.jar" \
  -inMemory -disableTelemetry -port "$port" > "$work/log" 2>&1 &
pid=$!

export DYNAMODB_ENDPOINT="http://127.0.0.1:$port"
for _ in $(seq 120); do
  if ! kill -0 "$pid" 2> /dev/null; then
    cat "$work/log" >&2
    exit 1
  fi
  # Any answer will do: a request without a signature is refused.
  if node -e "fetch('$DYNAMODB_ENDPOINT').then(()=>process.exit(0),()=>process.exit(1))"; then
    "$@"
    exit
  fi
  sleep 0.5
done
echo 'DynamoDB Local did not answer within a minute:' >&2
cat "$work/log" >&2
exit 1
