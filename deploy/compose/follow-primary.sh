#!/bin/sh
# A server that sentinels watch, or with --sentinel one of them. Its file is written once and then is its own: sentinels
# and servers note there who the primary is, which a new start must not forget.
set -eu
FIRST=172.28.77.11

if [ "${1:-}" = --sentinel ]; then
  if [ ! -s /data/sentinel.conf ]; then
    cat >/data/sentinel.conf <<END
port 26379
dir /data
protected-mode no
sentinel monitor timers $FIRST 6379 2
sentinel down-after-milliseconds timers 2000
sentinel failover-timeout timers 10000
END
  fi
  chown -R redis:redis /data
  exec docker-entrypoint.sh redis-server /data/sentinel.conf --sentinel
fi

if [ ! -s /data/redis.conf ]; then
  cat >/data/redis.conf <<END
dir /data
protected-mode no
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
min-replicas-to-write 1
END
  hostname -i | grep -qw "$FIRST" || echo "replicaof $FIRST 6379" >>/data/redis.conf
fi
chown -R redis:redis /data
exec docker-entrypoint.sh redis-server /data/redis.conf
