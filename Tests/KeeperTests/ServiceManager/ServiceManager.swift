import Glibc
import Testing

/// Scripts where a real service manager answers: a private `systemd --user`, or a system that is booted for them.
enum ServiceManager: String {
    case user, system

    private static let tool = "\(RenderedFiles.repository)/Tests/KeeperTests/ServiceManager/with-systemd"

    /// Why it can't be had; nil when it can. Asked once for all tests.
    var obstacle: String? {
        switch self {
        case .user: Self.userObstacle
        case .system: Self.systemObstacle
        }
    }
    private static let userObstacle = tried(.user)
    private static let systemObstacle = tried(.system)

    private static func tried(_ manager: ServiceManager) -> String? {
        do {
            let outcome = try Sandbox().run([tool, manager.rawValue, "true"], limit: 300)
            return outcome.status == 0 ? nil : outcome.err
        } catch {
            return "\(error)"
        }
    }

    /// What every script begins with. `$BIN` has the executables under test, `$BOX` is the sandbox.
    private static let prelude = #"""
        set -u
        export PATH="$BIN:$PATH"
        fail() {
            printf 'FAILED in line %s: %s\n' "${BASH_LINENO[1]}" "$*"
            { keeperctl ls -a; manager --no-pager list-units 'keeper*'; manager_log; } 2>&1
            exit 1
        }
        # Each of these ends the script when it doesn't hold.
        must() { "$@" || fail "status $? of $*"; }
        is() { [[ $1 == "$2" ]] || fail "'$1' is not '$2'"; }
        has() { [[ $1 == *"$2"* ]] || fail "no '$2' in '$1'"; }
        lacks() { [[ $1 != *"$2"* ]] || fail "there is '$2' in '$1'"; }
        # A process runs; one that has ended and that its parent, often a service manager, has not reaped yet doesn't.
        lives() { [[ $(ps -o stat= -p "$1") == [!Z]* ]]; }
        eventually() {
            local i
            for ((i = 0; i < 3000; i++)); do
                if "$@" >/dev/null 2>&1; then return; fi
                sleep 0.02
            done
            fail "never: $*"
        }
        # The unit NAME has what comes on standard input.
        unit() {
            mkdir -p "$units"
            cat >"$units/$1"
            must manager daemon-reload
        }
        # A service that runs what comes on standard input by bash, and stays.
        service() {
            cat >"$BOX/$1.sh"
            unit "$1.service" <<END
        [Unit]
        StartLimitIntervalSec=0
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        WorkingDirectory=$BOX
        ExecStart=bash $BOX/$1.sh
        END
        }
        property() { manager show --property="$2" --value "$1"; }
        keeper_of() { cat "$KEEPER_SESSIONS_DIR/$1.rpc.sock.pid"; }
        child_of() { cat "$KEEPER_SESSIONS_DIR/$1.rpc.sock.pi-pid"; }
        unit_of() { jq -r '.keeper.unit // ""' "$KEEPER_SESSIONS_DIR/$1.d/status.json"; }

        """#

    /// What differs between the two managers.
    private var ownPrelude: String {
        switch self {
        case .user:
            #"""
            manager() { systemctl --user "$@"; }
            manager_log() { tail -n 40 "$MANAGER_LOG"; }
            units=$XDG_RUNTIME_DIR/systemd/user
            manager set-environment "KEEPER_SESSIONS_DIR=$KEEPER_SESSIONS_DIR" "PATH=$PATH" "BOX=$BOX"

            """#
        case .system:
            #"""
            manager() { systemctl "$@"; }
            manager_log() { journalctl -b --no-pager -n 60; }
            units=/run/systemd/system
            # Runs a command as a user, with nothing of this environment.
            as() {
                local user=$1
                shift
                setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups \
                    env -i HOME="$(getent passwd "$user" | cut -d : -f 6)" PATH="$PATH" LC_ALL=C.UTF-8 "$@"
            }

            """#
        }
    }

    /// Runs a script and expects it to come to its end.
    func run(_ box: Sandbox, _ script: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let path = "\(box.root)/script"
        mkdir("\(box.root)/home", 0o700)
        try writeFile(path, (Self.prelude + ownPrelude + script + "\necho done\n").utf8)
        let outcome = try box.run(
            [Self.tool, rawValue, "bash", path],
            setting: [
                "BIN": Executables.directory, "BOX": box.root, "HOME": "\(box.root)/home",
                "REPOSITORY": RenderedFiles.repository,
                "SHARED": "\(box.root):\(Executables.directory):\(RenderedFiles.repository)",
            ], limit: 300, sourceLocation: sourceLocation)
        #expect(
            outcome.status == 0 && outcome.out.hasSuffix("done\n"), "\(outcome.out)\n\(outcome.err)",
            sourceLocation: sourceLocation)
    }
}

/// Runs a test only where such a service manager can be had, which takes root and the packages that `with-systemd` names.
func requires(_ manager: ServiceManager) -> ConditionTrait {
    .enabled("needs a service manager of its own (\(manager.rawValue))") {
        guard let obstacle = manager.obstacle else { return true }
        return try skip("no private service manager (\(manager.rawValue)): \(obstacle)")
    }
}
