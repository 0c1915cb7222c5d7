#!/bin/sh
# Creates our namespace and our search attributes where they are missing, once the server serves; at every `up`.
# TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE say where.
set -eu

TRIES=60
PAUSE_SECONDS=2
RETENTION=72h

within_limit() {
    tries=1
    until "$@"; do
        if [ "$tries" -ge "$TRIES" ]; then
            echo "given up after $tries tries: $*" >&2
            exit 1
        fi
        tries=$((tries + 1))
        sleep "$PAUSE_SECONDS"
    done
}

namespace_exists() {
    temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
        temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
}

search_attribute_exists() {
    temporal operator search-attribute create --name "$1" --type "$2"
}

within_limit temporal operator cluster health
within_limit namespace_exists
# A namespace that is new is not known at once to every part of the server.
within_limit search_attribute_exists SagaState Keyword
within_limit search_attribute_exists CustomerId Keyword
within_limit search_attribute_exists FailureReason Keyword
within_limit search_attribute_exists NeedsAttention Bool
within_limit search_attribute_exists OrderTotalMinor Int
