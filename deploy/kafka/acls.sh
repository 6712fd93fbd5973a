#!/usr/bin/env bash
# The Kafka rights a region's daemon needs, and no more, given by Kafka's own kafka-acls.sh.
#
#   acls.sh primary  --principal User:farshore --topics 'billing.*' [--heartbeat farshore.heartbeat | --no-heartbeat] [--cutover --region eu-west --primary-name us-east]
#   acls.sh regional --principal User:farshore --topics 'billing.*' --region eu-west --primary-name us-east [--rejected] [--requests shadow.requests] [--outbox]
#
# --topics may be given several times: a name, or the start of one with a trailing *, as under mirror.topics (with
# mirror.prefix in front for the regional cluster). Everything after -- goes to kafka-acls.sh as it is:
#
#   acls.sh primary … -- --bootstrap-server kafka:9092 --command-config admin.properties
#
# --cutover is for cutover.freeze: a move is told to the primary too, and its way back is fenced there. --rejected is for rejected.publish, --requests names shadow.topic where it is none of --topics, --outbox is for outbox.enabled. KAFKA_ACLS names the program, kafka-acls.sh unless it says otherwise. --remove takes the same rights away.
set -euo pipefail

usage() { sed -n '2,12p' "$0" >&2; exit 2; }

side=${1:-}; shift || usage
[[ $side == primary || $side == regional ]] || usage
principal='' region='' primary_name='' heartbeat='farshore.heartbeat' action=--add rejected='' requests='' outbox='' cutover='' topics=()
while (($# > 0)); do
  case $1 in
    --principal) principal=$2; shift 2 ;;
    --topics) topics+=("$2"); shift 2 ;;
    --region) region=$2; shift 2 ;;
    --primary-name) primary_name=$2; shift 2 ;;
    --heartbeat) heartbeat=$2; shift 2 ;;
    --no-heartbeat) heartbeat=''; shift ;;
    --rejected) rejected=yes; shift ;;
    --requests) requests=$2; shift 2 ;;
    --outbox) outbox=yes; shift ;;
    --cutover) cutover=yes; shift ;;
    --remove) action=--remove; shift ;;
    --) shift; break ;;
    *) usage ;;
  esac
done
[[ -n $principal && ${#topics[@]} -gt 0 ]] || usage
[[ ($side == primary && -z $cutover) || (-n $region && -n $primary_name) ]] || usage
connection=("$@")

acls() { # RESOURCE-TYPE NAME-OR-PREFIX* OPERATION...
  local type=$1 name=$2 pattern=literal operations=(); shift 2
  if [[ $name == *'*' ]]; then name=${name%'*'} pattern=prefixed; fi
  # All topics is a name of its own in Kafka, the literal *.
  if [[ -z $name ]]; then name='*' pattern=literal; fi
  for operation in "$@"; do operations+=(--operation "$operation"); done
  local force=(); [[ $action == --remove ]] && force=(--force)
  "${KAFKA_ACLS:-kafka-acls.sh}" "${connection[@]}" $action "${force[@]}" --allow-principal "$principal" \
    --resource-pattern-type "$pattern" "$type" "$name" "${operations[@]}"
}

homes='__farshore.topics'
if [[ $side == primary ]]; then
  for topic in "${topics[@]}"; do acls --topic "$topic" Read Describe DescribeConfigs; done
  # Where the homes of topics are published, when this cluster is itself a region.
  acls --topic "$homes" Read Describe
  if [[ -n $cutover ]]; then
    acls --topic "$homes" Write Create DescribeConfigs AlterConfigs
    acls --transactional-id "farshore.$primary_name.$region.*" Write Describe
  fi
  if [[ -n $heartbeat ]]; then
    acls --topic "$heartbeat" Read Write Create Describe DescribeConfigs
    # Where heartbeats of the region come back over the way back (gate reverse_path).
    acls --topic "$heartbeat.*" Read Describe
  fi
else
  for topic in "${topics[@]}"; do acls --topic "$topic" Read Write Create Alter Describe DescribeConfigs AlterConfigs; done
  if [[ -n $rejected ]]; then
    # A prefix covers the topics of its rejected records.
    for topic in "${topics[@]}"; do [[ $topic == *'*' ]] || acls --topic "$topic.farshore.rejected" Write Create Describe; done
  fi
  if [[ -n $requests ]]; then acls --topic "$requests" Read Describe; fi
  acls --topic "$homes" Read Write Create Describe DescribeConfigs AlterConfigs
  acls --topic 'farshore.heartbeat*' Read Write Create Alter Describe DescribeConfigs AlterConfigs
  if [[ -n $outbox ]]; then
    acls --group "farshore.outbox.$region" Read Describe
    acls --transactional-id "farshore.outbox.$region" Write Describe
  fi
  acls --group "farshore.$region.$primary_name" Read Describe
  acls --group "farshore.$region.$primary_name.shards" Read Describe
  acls --transactional-id "farshore.$region.$primary_name.*" Write Describe
fi
