# SPDX-License-Identifier: GPL-3.0-only
# shellcheck shell=bash
# The relation amqp: one user and vhost per relation, answered by every unit that is in the cluster.

user_exists() { ctl list_users --no-table-headers | cut -f1 | grep -qFx -- "$1"; }

user_password() { # prints the user's password, made by the leader at the first time
    local password
    password=$(shared_get "password-$1")
    if [ -z "$password" ] && is_leader; then
        password=$(new_secret 64)
        printf '%s' "$password" | shared_set "password-$1"
    fi
    printf '%s' "$password"
}

user_make() { # USER VHOST ADMIN
    local password
    password=$(user_password "$1")
    ctl list_vhosts --no-table-headers | grep -qFx -- "$2" || ctl add_vhost "$2"
    if user_exists "$1"; then
        printf '%s' "$password" | ctl change_password "$1" > /dev/null
    else
        printf '%s' "$password" | ctl add_user "$1" > /dev/null
    fi
    # any text is true here, "false" as well: so it is in the public charm
    [ -z "$3" ] || ctl set_user_tags "$1" administrator
    ctl set_permissions -p "$2" "$1" '.*' '.*' '.*'
}

# What a relation asked for is remembered by its id, and asked for again nothing is done. admin is not
# part of the memory: set later on an existing relation it has no effect.
relation_serve() { # ID UNIT; leader only
    local user vhost wanted file="$MEMORY/relations/$1"
    user=$(relation-get -r "$1" username "$2")
    vhost=$(relation-get -r "$1" vhost "$2")
    if [ -z "$user" ] || [ -z "$vhost" ]; then return 0; fi
    wanted="$user $vhost"
    [ "$(cat "$file" 2> /dev/null)" = "$wanted" ] && return 0
    user_make "$user" "$vhost" "$(relation-get -r "$1" admin "$2")"
    echo "$wanted" > "$file"
}

# As the public charm does: once there are other units each queue has a copy on every one, and is there when one of them goes.
queues_mirror() { # leader only
    local vhost
    [ -n "$(relation-list -r "$(peers_id)")" ] || return 0
    for vhost in $(cut -d' ' -f2 "$MEMORY"/relations/* 2> /dev/null | sort -u); do
        grep -qFx -- "$vhost" "$MEMORY/mirrored" 2> /dev/null && continue
        ctl set_policy -p "$vhost" HA '^(?!amq\.).*' '{"ha-mode": "all", "ha-sync-mode": "automatic"}'
        echo "$vhost" >> "$MEMORY/mirrored"
    done
}

relation_answer() { # ID UNIT
    local user password address ssl_port="" ssl_ca=""
    user=$(relation-get -r "$1" username "$2")
    if [ -z "$user" ] || [ -z "$(relation-get -r "$1" vhost "$2")" ]; then return 0; fi
    password=$(shared_get "password-$user")
    [ -n "$password" ] || return 0
    address=$(own_address)
    if [ "$(config-get ssl)" != off ] && [ -e /etc/rabbitmq/ca.pem ]; then
        ssl_port=$(config-get ssl_port)
        ssl_ca=$(base64 -w0 /etc/rabbitmq/ca.pem)
    fi
    printf '%s: "%s"\n' hostname "$address" private-address "$address" password "$password" \
        ssl_port "$ssl_port" ssl_ca "$ssl_ca" | relation-set -r "$1" --file -
}

relations_answer() {
    local id unit
    if ! running || ! in_cluster; then return 0; fi
    for id in $(relation-ids amqp); do
        for unit in $(relation-list -r "$id"); do
            if is_leader; then relation_serve "$id" "$unit"; fi
            relation_answer "$id" "$unit"
        done
    done
    if is_leader; then queues_mirror; fi
}

service_users() { cut -d' ' -f1 "$MEMORY"/relations/* 2> /dev/null | sort -u; }
