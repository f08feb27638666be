# A machine with nothing on it but systemd and the relay's unit, in namespaces of its own but for the network: its first
# process is systemd. Prints that process's number, as it is seen outside, and lives until its input ends. As root:
#
#   unshare --mount sh systemd.sh FOLDER PACKAGING
#
# FOLDER is for this alone. It holds `relay/`, what an operator has made for /var/lib/cssr-relay, and `run/` and `lib/`,
# which are /run and /var/lib of the machine. PACKAGING has what the Debian package installs.
set -eu
folder=$1 packaging=$2 stage=${3-outside}

case $stage in
outside)
  # A file system that stayed mounted here could not be unmounted elsewhere.
  while read -r device place _; do
    case $device in /dev/loop*) umount --lazy "$place" ;; esac
  done </proc/self/mounts
  mkdir "$folder/groups" "$folder/layer"
  mount -t cgroup2 none "$folder/groups"
  group=$folder/groups/cssr-relay-test-$$
  mkdir "$group"
  unshare --pid --fork --kill-child --mount-proc --uts --ipc sh "$0" "$folder" "$packaging" "$group" &
  parent=$!
  until first=$(cat "/proc/$parent/task/$parent/children") && [ -n "$first" ]; do sleep 0.05; done
  echo "$first"
  # The folder goes, if the test fails, and what is mounted on it is then reached from here alone.
  cd "$folder/groups"
  cat >/dev/null
  kill -KILL "$parent"
  wait || :
  # Groups go once their last process is gone.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "${group##*/}" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  ;;
"$folder"/groups/*)
  echo 0 >"$stage/cgroup.procs"
  exec unshare --cgroup sh "$0" "$folder" "$packaging" inside
  ;;
inside)
  mount -t tmpfs none "$folder/layer"
  mkdir "$folder/layer/etc" "$folder/layer/work"
  mount -t overlay -o "lowerdir=/etc,upperdir=$folder/layer/etc,workdir=$folder/layer/work" none /etc
  mount --bind "$folder/run" /run
  mount --bind "$folder/lib" /var/lib
  mount -t tmpfs none /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup

  systemd-sysusers "$packaging/debian/cssr-relay.sysusers"
  systemd-tmpfiles --create "$packaging/debian/cssr-relay.tmpfiles"
  cp "$folder"/relay/* /var/lib/cssr-relay
  chown cssr-relay:cssr-relay /var/lib/cssr-relay/*

  # What the unit waits for, and nothing of the machine around.
  for target in sysinit basic network shutdown multi-user; do
    printf '[Unit]\nDefaultDependencies=no\n' >/run/systemd/system/$target.target
  done
  cd /
  exec env container=other SYSTEMD_UNIT_PATH=/run/systemd/system systemd --system --unit=multi-user.target \
    --log-target=console --log-level=warning --show-status=no
  ;;
esac
