#!/usr/bin/env bash
# The eight steps of docs/azure.md, all of them, on this machine: with Azurite for Blob storage, a local Resource
# Manager for Azure's, MLflow on SQLite, and Azure Machine Learning's own inference server.
#
#   runs/eight_steps.sh [FOLDER]     COUNT=480 runs/eight_steps.sh     KEEP=1 runs/eight_steps.sh
#
# One line a step, with its seconds. It stops at the first step that fails and shows the end of its log. What it started
# is ended, whatever happens; FOLDER is removed unless it was named or KEEP is set. Needs the environment of `make test`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

COUNT=${COUNT:-120}
BIN=${BIN:-$PWD/.venv/bin}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
named=${1:-}
if [ -n "$named" ]; then mkdir -p "$named"; else named=$(mktemp -d); trap 'rm -rf "$named"' EXIT; fi
# A folder of its own in it, so that a rerun begins anew and nothing of somebody else's is removed.
folder=$(cd "$named" && pwd)/eight-steps
rm -rf "$folder" && mkdir -p "$folder"
export XDG_STATE_HOME=$folder/state XDG_CONFIG_HOME=$folder/config MEZZETIN_CACHE=$folder/cache
export MEZZETIN_REGISTRY=$folder/registry NO_COLOR=1
unset MLFLOW_TRACKING_URI MLFLOW_REGISTRY_URI MEZZETIN_TRACKING MEZZETIN_EXTERNAL MEZZETIN_KEY
began=$SECONDS at=$SECONDS step=start log=$folder/start.log

say() { printf '%-14s %4d s  %s\n' "$step" $((SECONDS - at)) "$*"; }
start() { step=$1 at=$SECONDS log=$folder/${1// /-}.log; : >"$log"; }
mezzetin() { "$BIN/mezzetin" "$@" --plain 2>>"$log" | tee -a "$log"; }
field() { "$BIN/python" -c 'import json, sys
found = json.loads(sys.stdin.read().splitlines()[-1])
for key in sys.argv[1].split("."): found = found[int(key) if key.isdigit() else key]
print(found)' "$1"; }
ask() { curl --silent --show-error --fail-with-body --noproxy '*' --max-time 100 "$@" 2>>"$log" | tee -a "$log"; }

end() {
  local code=$?
  trap - EXIT INT TERM
  if [ $code -ne 0 ]; then
    echo "step $step failed; the end of its log:" >&2
    tail -n 8 "$log" | cut -c1-400 >&2 || true
  fi
  for one in captions azure; do
    [ -d "$XDG_STATE_HOME/mezzetin/deployments/local/$one" ] && "$BIN/mezzetin" undeploy local $one >/dev/null 2>&1
  done
  if [ -n "${cloud:-}" ]; then exec 3>&-; wait "$cloud" || { code=$?; cat "$folder/cloud.log" >&2; }; fi
  if [ -z "${1:-}" ] && [ -z "${KEEP:-}" ]; then rm -rf "$folder"; fi
  exit $code
}
trap 'end "'"${1:-}"'"' EXIT
trap 'exit 130' INT TERM

start "0 here"
[ -x "$BIN/mezzetin" ] || { echo "there is no $BIN/mezzetin: run make test once" | tee "$log" >&2; exit 3; }
command -v curl >/dev/null || { echo "there is no curl: install it" | tee "$log" >&2; exit 3; }
mkfifo "$folder/ends"
PYTHONPATH=$PWD "$BIN/python" -m runs.cloud_here "$folder" "$folder/captions.bundle" <"$folder/ends" >"$folder/cloud.log" 2>&1 &
cloud=$!
# Held open by this shell alone: however it ends, the cloud reads the end of its input and ends too.
exec 3>"$folder/ends"
what=$(PYTHONPATH=$PWD "$BIN/python" -m runs.pictures "$folder" "$COUNT" 2>>"$log")
until [ -f "$folder/environment" ]; do
  kill -0 $cloud 2>/dev/null || { cp "$folder/cloud.log" "$log"; exit 3; }
  sleep 0.1
done
# shellcheck disable=SC1091
. "$folder/environment"
say "Azurite and a Resource Manager answer; pictures: $what"

start "1 store"
mezzetin store "$folder/pictures" "$AZURE_PICTURES" --json >/dev/null
mezzetin store "$folder/web" az://museum/new --json >/dev/null
again=$(mezzetin store "$folder/pictures" "$AZURE_PICTURES" --json | field copied)
[ "$again" = 0 ]
say "pictures lie in $AZURE_PICTURES; the same call again copies $again"

start "2 reach"
mezzetin doctor "$SAS" --json >/dev/null
mezzetin doctor "$AZURE_PICTURES" --write --json >/dev/null
say "the container is read and written; the SAS link is read"

start "3 prepare"
mezzetin ingest "$SAS" "$folder/pictures.dataset" --licence "for this run only" --json >/dev/null
pictures=$(mezzetin inspect "$folder/pictures.dataset" --json | field pictures.count)
say "a dataset of $pictures pictures out of the SAS link"

start "4 train"
mezzetin train "$folder/pictures.dataset" "$folder/captions.bundle" --from bundled --recipe runs/eight_steps.toml --json >/dev/null
mezzetin evaluate "$folder/pictures.dataset" --model "$folder/captions.bundle" --out "$folder/evaluation" --json >/dev/null
say "a bundle of $(du -sm "$folder/captions.bundle" | cut -f1) MB, and its evaluation"

start "5 register"
mezzetin register bundled museum --alias champion --json >/dev/null
mezzetin register "$folder/captions.bundle" museum --json >/dev/null
mezzetin promote museum/2 --dataset "$folder/pictures.dataset" --json >/dev/null
champion=$(mezzetin models museum@champion --json | field version)
[ "$champion" = 2 ]
say "museum/$champion passed the gate against museum/1 and is the champion"

start "6 here"
azure=$(mezzetin deploy local --name azure --set decoders=1 --json | field url)
printf '[external.azure_vision]\nendpoint = "%s"\nprice_per_call = 0\n' "$azure" >"$folder/external.toml"
export MEZZETIN_EXTERNAL_AZURE_VISION_KEY=any
local=$(mezzetin deploy local --model museum@champion --name captions --set decoders=1 \
  --set 'external=["azure_vision"]' --set external_settings="$folder/external.toml" --json | field url)
say "a server answers at $local, with another behind Azure's own API beside it"

start "7 aci"
mezzetin deploy aci --model museum@champion --name captions --image museum.azurecr.io/mezzetin:1 \
  --settings "$SETTINGS" --dry-run --json >/dev/null
made=$(mezzetin deploy aci --model museum@champion --name captions --image museum.azurecr.io/mezzetin:1 \
  --settings "$SETTINGS" --json)
aci=$(field caption <<<"$made")
curl=$(field curl <<<"$made")
aci_score=$(bash -c "${curl/curl /curl --cacert $CERTIFICATE --noproxy * --fail-with-body }" 2>>"$log" | field results.0.caption.text)
[ "$aci" = "$aci_score" ]
say "a container group serves over TLS with its key: $aci"

start "7 azureml"
if [ -n "$NO_INFERENCE" ]; then
  say "skipped: $NO_INFERENCE"
else
  mezzetin deploy azureml --model museum@champion --name captions --settings "$SETTINGS" --dry-run --json >/dev/null
  made=$(mezzetin deploy azureml --model museum@champion --name captions --settings "$SETTINGS" --json)
  endpoint=$(field url <<<"$made")
  say "Azure's inference server runs score.py: $(field caption <<<"$made")"
fi

start "8 score"
urls=$(printf '{"urls": ["%s/0.jpg", "%s/1.jpg", "%s/2.jpg"]}' "$WEB" "$WEB" "$WEB")
both=$(ask "$local/score" -H 'Content-Type: application/json' -d "$urls")
first=$(field results.0.caption.text <<<"$both")
beside=$(field results.2.external.azure_vision.caption.text <<<"$both")
folder_answer=$(ask "$local/score" -H 'Content-Type: application/json' -d "{\"sas_uri\": \"$SAS_NEW\"}")
field results.3.caption.text <<<"$folder_answer" >>"$log"
if [ -z "$NO_INFERENCE" ]; then
  key=$("$BIN/python" -c 'from tests.azure.arm.machinelearning import KEY; print(KEY)')
  scored=$(ask --cacert "$CERTIFICATE" "$endpoint/score" -H "Authorization: Bearer $key" \
    -H 'Content-Type: application/json' -d "{\"sas_uri\": \"$SAS_NEW\"}" | field results.3.caption.text)
  [ -n "$scored" ]
fi
mezzetin caption "$folder/web" --model museum@champion --json >/dev/null
say "three links and a folder's SAS are captioned: $first | beside it: $beside"

start "9 undo"
mezzetin undeploy local captions --json >/dev/null
mezzetin undeploy local azure --json >/dev/null
mezzetin undeploy aci captions --settings "$SETTINGS" --json >/dev/null
[ -n "$NO_INFERENCE" ] || mezzetin undeploy azureml captions --settings "$SETTINGS" --json >/dev/null
left=$(mezzetin deployments --settings "$SETTINGS" --json | wc -l)
[ "$left" = 0 ]
say "nothing is deployed any more"
step="all steps" at=$began
say "done"
