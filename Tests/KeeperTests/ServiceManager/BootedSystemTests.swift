import Glibc
import Testing

/// Sessions of services and of people who log in, in a system that was booted for them.
@Suite(.serialized, requires(.system), requires("jq", "bash", "useradd", "su", "python3"))
struct BootedSystemTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private static let users = #"""
        unset KEEPER_SESSIONS_DIR
        must useradd --create-home --shell /bin/bash ann
        state_is() { [[ $(as ann keeperctl status --json "$1" | jq -r .state) == "$2" ]]; }
        child() { as "$1" keeperctl status --json "$2" | jq .child.pid; }
        # A dashboard of the user $1.
        dashboard() {
            unit "dashboard-$1.service" <<END
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        User=$1
        ExecStart=bash -c 'cd; PATH="$PATH" keeperctl spawn --wait ready one -- cat || test \$? = 5'
        END
        }
        # How logind treats what is left at logout; the user's manager ends at once.
        logind() {
            mkdir -p /run/systemd/logind.conf.d
            printf '[Login]\nUserStopDelaySec=0\nKillUserProcesses=%s\n' "$1" >/run/systemd/logind.conf.d/test.conf
            must systemctl restart systemd-logind
        }
        login() { must su -l ann -c "PATH=$PATH; $1" >/dev/null; }
        no_sessions() { [[ -z $(loginctl list-sessions --no-legend) ]]; }
        logged_out() { no_sessions && ! systemctl -q is-active "user@$(id -u ann)"; }

        """#

    private func run(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try ServiceManager.system.run(box, Self.users + script, sourceLocation: sourceLocation)
    }

    @Test("a service of root that is restarted keeps its sessions: they are units of the system")
    func serviceOfRoot() throws {
        try run(
            #"""
            dashboard root
            must systemctl start dashboard-root
            child=$(child root one)
            has "$(<"/proc/$child/cgroup")" /keeper.slice/keeper-one.service
            must systemctl restart dashboard-root
            must systemctl stop dashboard-root
            is "$(child root one)" "$child"
            must lives "$child"
            # Its keeper killed, the unit takes along what the child has started.
            kill -9 "$(property keeper-one.service MainPID)"
            gone() { ! lives "$child"; }
            eventually gone
            """#)
    }

    @Test(
        "a service of a user who does not linger takes its sessions along, and says so; one who lingers keeps them"
    )
    func serviceOfUser() throws {
        try run(
            #"""
            dashboard ann
            must systemctl start dashboard-ann
            warned() { journalctl -b -u dashboard-ann | grep -F 'session one is part of dashboard-ann.service'; }
            eventually warned
            has "$(as ann keeperctl status one)" 'cgroup:    /system.slice/dashboard-ann.service'
            has "$(as ann keeperctl doctor)" 'wrong  cgroup: session one is part of dashboard-ann.service'
            must systemctl stop dashboard-ann
            must state_is one exited

            must loginctl enable-linger ann
            eventually systemctl -q is-active "user@$(id -u ann)"
            must systemctl start dashboard-ann
            child=$(child ann one)
            has "$(<"/proc/$child/cgroup")" "user@$(id -u ann).service/keeper.slice/keeper-one.service"
            must systemctl restart dashboard-ann
            must systemctl stop dashboard-ann
            is "$(child ann one)" "$child"
            must state_is one running
            """#)
    }

    @Test("logout: what ends and what stays, as logind is told and as the user lingers")
    func logout() throws {
        try run(
            #"""
            logind no
            login 'keeperctl spawn --isolate systemd --wait ready unit -- cat'
            eventually logged_out
            must state_is unit exited

            login 'keeperctl spawn --wait ready own -- cat'
            is "$(loginctl list-sessions --no-legend | wc -l)" 1
            must as ann keeperctl write own hello
            must as ann keeperctl kill own
            eventually logged_out

            logind yes
            login 'keeperctl spawn --wait ready own -- cat'
            eventually logged_out
            must state_is own exited

            must loginctl enable-linger ann
            login 'keeperctl spawn --wait ready own -- cat; keeperctl spawn --isolate systemd --wait ready unit -- cat'
            eventually no_sessions
            eventually state_is own exited
            must state_is unit running
            must as ann keeperctl write unit hello
            """#)
    }

    @Test(
        "limits are what the kernel keeps to: memory, processes and processor time, of one session and of all"
    )
    func limits() throws {
        try run(
            #"""
            # A limit of a process's control group, by its name in v2; where v1 has the controller, by that one.
            limit() {
                local group controller=${2%%.*} name
                group=$(sed -n "s/^[0-9]*:\(.*,\)\?$controller\(,.*\)\?://p" "/proc/$1/cgroup")
                if [[ -n $group && -d /sys/fs/cgroup/$controller ]]; then
                    case $2 in memory.max) name=memory.limit_in_bytes ;; cpu.max) name=cpu.cfs_quota_us ;; *) name=$2 ;; esac
                    cat "/sys/fs/cgroup/$controller$group/$name"
                else
                    group=$(sed -n 's/^0:://p' "/proc/$1/cgroup")
                    cut -d ' ' -f 1 "/sys/fs/cgroup$group/$2"
                fi
            }
            must keeperctl spawn --isolate systemd --memory-max 32M --cpu-quota 50 --tasks-max 20 a -- \
                bash -c 'while read -r x; do python3 -c "x = bytearray(100 << 20)"; echo "ended $?"; done'
            keeper=$(property keeper-a.service MainPID)
            is "$(limit "$keeper" memory.max)" 33554432
            is "$(limit "$keeper" pids.max)" 20
            is "$(limit "$keeper" cpu.max)" 50000
            # The kernel ends what needs more; the session, and the child, live on.
            must keeperctl write a 1
            killed() { [[ $(keeperctl logs a) == 'ended 137' ]]; }
            eventually killed
            must keeperctl write a 2
            must keeperctl spawn --isolate systemd --tasks-max 6 b -- \
                bash -c 'for i in {1..20}; do sleep 1000 & done; exec cat'
            refused() { [[ $(keeperctl logs --stderr b) == *'Resource temporarily unavailable'* ]]; }
            eventually refused
            # All sessions together.
            must systemctl set-property --runtime keeper.slice MemoryMax=48M
            must keeperctl spawn --isolate systemd c -- bash -c 'python3 -c "x = bytearray(100 << 20)"; echo "ended $?"; exec cat'
            killed() { [[ $(keeperctl logs c) == 'ended 137' ]]; }
            eventually killed
            """#)
    }
}
