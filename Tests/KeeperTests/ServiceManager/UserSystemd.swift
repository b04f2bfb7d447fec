import Glibc
import Testing

/// Scripts under a private, real `systemd --user`.
enum UserSystemd {
    /// Runs a command under such a manager, and ends with its status; 77 where it can't.
    static let tool =
        environmentValue("KEEPER_TEST_USER_SYSTEMD")
        ?? "\(RenderedFiles.repository)/../shared/tools/with-user-systemd"

    /// Why it can't be had; nil when it can.
    static func obstacle() throws -> String? {
        guard access(tool, X_OK) == 0 else { return "there is no \(tool)" }
        let box = try Sandbox()
        let outcome = try box.run([tool, "true"])
        return outcome.status == 0 ? nil : outcome.err
    }

    /// What every script begins with. `$BIN` has the executables under test, `$BOX` is the sandbox.
    private static let prelude = #"""
        set -u
        export PATH="$BIN:$PATH"
        units=$XDG_RUNTIME_DIR/systemd/user
        fail() {
            printf 'FAILED in line %s: %s\n' "${BASH_LINENO[1]}" "$*"
            { keeperctl ls -a; systemctl --user --no-pager list-units 'keeper*'; tail -n 40 "$USER_SYSTEMD_LOG"; } 2>&1
            exit 1
        }
        # Each of these ends the script when it doesn't hold.
        must() { "$@" || fail "status $? of $*"; }
        is() { [[ $1 == "$2" ]] || fail "'$1' is not '$2'"; }
        has() { [[ $1 == *"$2"* ]] || fail "no '$2' in '$1'"; }
        lacks() { [[ $1 != *"$2"* ]] || fail "there is '$2' in '$1'"; }
        eventually() {
            local i
            for ((i = 0; i < 1000; i++)); do
                if "$@" >/dev/null 2>&1; then return; fi
                sleep 0.02
            done
            fail "never: $*"
        }
        # The unit NAME has what comes on standard input.
        unit() {
            mkdir -p "$units"
            cat >"$units/$1"
            must systemctl --user daemon-reload
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
        property() { systemctl --user show --property="$2" --value "$1"; }
        keeper_of() { cat "$KEEPER_SESSIONS_DIR/$1.rpc.sock.pid"; }
        child_of() { cat "$KEEPER_SESSIONS_DIR/$1.rpc.sock.pi-pid"; }
        unit_of() { jq -r '.keeper.unit // ""' "$KEEPER_SESSIONS_DIR/$1.d/status.json"; }
        systemctl --user set-environment "KEEPER_SESSIONS_DIR=$KEEPER_SESSIONS_DIR" "PATH=$PATH" "BOX=$BOX"

        """#

    /// Runs a script and expects it to come to its end.
    @discardableResult
    static func run(
        _ box: Sandbox, _ script: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        let path = "\(box.root)/script"
        mkdir("\(box.root)/home", 0o700)
        try writeFile(path, (prelude + script + "\necho done\n").utf8)
        let outcome = try box.run(
            [tool, "bash", path],
            setting: [
                "BIN": Executables.directory, "BOX": box.root, "USER_SYSTEMD_HOME": "\(box.root)/home",
                "REPOSITORY": RenderedFiles.repository,
            ], limit: 180, sourceLocation: sourceLocation)
        #expect(
            outcome.status == 0 && outcome.out.hasSuffix("done\n"), "\(outcome.out)\n\(outcome.err)",
            sourceLocation: sourceLocation)
        return outcome
    }
}

/// Runs a test only where a private service manager can be had. `KEEPER_TEST_WITHOUT=systemd` says that nobody
/// expects one.
func requiresUserSystemd() -> ConditionTrait {
    .enabled("needs a private systemd --user") {
        if environmentValue("KEEPER_TEST_WITHOUT") == "systemd" { return false }
        guard let obstacle = try UserSystemd.obstacle() else { return true }
        return try skip("no private systemd --user: \(obstacle)")
    }
}
