#!/bin/sh
# Brings Temporal's two databases to the schema of this image's version: before a server starts, at every `up`.
# A database that is there already is left alone up to its version and updated from there.
set -eu

bring_to_date() {
    temporal-sql-tool --database "$1" setup-schema --version 0.0
    temporal-sql-tool --database "$1" update-schema --schema-name "$2"
}

bring_to_date temporal postgresql/v12/temporal
bring_to_date temporal_visibility postgresql/v12/visibility
