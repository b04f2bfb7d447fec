import Glibc
import KeeperShared
import Testing

/// `keeperctl doctor`.
@Suite struct DoctorTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// The findings about one thing, as JSON.
    private func findings(_ check: String, _ outcome: Outcome) throws -> [JSON] {
        try JSON.lines(outcome.stdout).filter { $0["check"]?.string == check }
    }

    @Test("where nothing is wrong it says what it has looked at, and nothing else")
    func healthy() throws {
        try box.spawn("a", "--", "cat")
        let outcome = try box.ctl("doctor")
        #expect(outcome.status == 0 && outcome.err.isEmpty, outcome.why)
        for line in [
            "ok     directory: \(box.sessions)", "ok     sessions: 1 live", "ok     disk: room for ",
        ] {
            #expect(outcome.out.contains(line), outcome.why)
        }
        #expect(!outcome.out.contains("wrong"))
    }

    @Test("what dead and foreign keepers have left is named, with what to do")
    func sidecars() throws {
        try box.spawn("dead", "--", "cat")
        kill(pid_t(try box.keeperPID("dead")), SIGKILL)
        let listener = try UnixListener(box.socket("other"))
        try writeFile(box.path("other.rpc.sock.pid"), "\(getpid())\n".utf8)
        try eventually("the keeper to be dead") { try box.ctl("doctor").status == 1 }
        let outcome = try box.ctl("doctor", "--json")
        #expect(outcome.status == 1, outcome.why)
        let found = try findings("sidecars", outcome)
        #expect(found.count == 2)
        #expect(found[0]["sessionId"]?.string == "dead" && found[0]["level"]?.string == "wrong")
        #expect(found[0]["message"]?.string == "session dead: its keeper has died")
        #expect(found[0]["remedy"]?.string == "keeperctl discover")
        #expect(found[1]["sessionId"]?.string == "other" && found[1]["level"]?.string == "note")
        // What it says to do helps.
        #expect(try box.ctl("discover").status == 0)
        #expect(try box.ctl("doctor").status == 0)
        withExtendedLifetime(listener) {}
    }

    @Test("a directory that others may write to or look into, and one that is no directory")
    func directory() throws {
        #expect(try box.ctl("doctor").out.contains("will be made by the first session"))
        try box.spawn("a", "--rm", "--", "cat")
        chmod(box.sessions, 0o755)
        let note = try box.ctl("doctor")
        #expect(note.status == 0, note.why)
        #expect(
            note.out.contains(
                "note   directory: \(box.sessions): others can look into it\n       → chmod 700 \(box.sessions)\n"
            )
        )
        chmod(box.sessions, 0o777)
        let wrong = try box.ctl("doctor")
        #expect(wrong.status == 1, wrong.why)
        #expect(wrong.out.contains("others can write to it; run 'chmod go-w' on it"), wrong.why)
        chmod(box.sessions, 0o700)
        let outcome = try box.ctl("doctor", "--sessions-dir", "/etc/passwd")
        #expect(outcome.status == 1 && outcome.out.contains("wrong  directory: "), outcome.why)
    }

    @Test("few descriptors")
    func limits() throws {
        let script = "ulimit -n 128; exec \(Executables.keeperctl) doctor --json"
        let few = try box.run(["bash", "-c", script])
        #expect(few.status == 1, few.why)
        let found = try findings("descriptors", few)
        #expect(found.first?["message"]?.string == "a process may have 128 descriptors")
        #expect(found.first?["remedy"]?.string?.contains("ulimit -n 1024") == true)
    }

    @Test("keepers of another version")
    func versions() throws {
        try box.spawn("a", "--wait", "ready", "--", "cat")
        let status = box.text("a.d/status.json")
        let old = status.replacing("\"version\":\"\(keeperVersion)\"", with: "\"version\":\"0.0.1\"")
        #expect(old != status)
        try writeFile(box.path("a.d/status.json"), old.utf8)
        let outcome = try box.ctl("doctor", "--json")
        #expect(outcome.status == 0, outcome.why)
        let found = try findings("version", outcome)
        #expect(found.first?["message"]?.string == "session a has keeper 0.0.1, this is \(keeperVersion)")
        #expect(found.first?["remedy"]?.string == "keeperctl upgrade a")
    }

    @Test("what a start through a service manager has left is cleared away once no keeper can come for it")
    func unitStarts() throws {
        try box.spawn("a", "--", "cat")
        let names = [".0123456789abcdef.start", ".0123456789abcdef.report", ".fedcba9876543210.start"]
        for name in names { try writeFile(box.path(name), [1], mode: 0o600) }
        var times = [timespec(), timespec()]
        for index in 0...1 { times[index].tv_sec = time(nil) - 700 }
        for name in names.prefix(2) { #expect(utimensat(AT_FDCWD, box.path(name), times, 0) == 0) }
        #expect(try box.ctl("discover").status == 0)
        #expect(names.map { box.exists($0) } == [false, false, true])
    }
}

@Test("users are known by their numbers; an unknown one has no name")
func namesOfUsers() {
    #expect(userName(0) == "root")
    #expect(userName(1) == "daemon")
    #expect(userName(4_294_967_000) == nil)
}

/// In a system of its own, with users.
@Suite(requires(.system), requires("jq", "useradd"))
struct DoctorUserTests {
    /// Used to say that it is off.
    @Test("lingering is told from the user's number, whatever the environment says")
    func lingering() throws {
        let box = try Sandbox()
        try ServiceManager.system.run(
            box,
            #"""
            must useradd -m lingerer
            uid=$(id -u lingerer)
            must loginctl enable-linger lingerer
            eventually test -S "/run/user/$uid/systemd/private"
            finding() {
                setpriv --reuid "$uid" --regid "$uid" --clear-groups \
                    env -i -C / "PATH=$PATH" "XDG_RUNTIME_DIR=/run/user/$uid" "$@" \
                    keeperctl --sessions-dir "/home/lingerer/sessions" doctor --json |
                    jq -r 'select(.check == "lingering") | .level + ": " + .message + " → " + .remedy'
            }
            has "$(finding)" 'ok: is on'
            has "$(finding USER=root)" 'ok: is on'
            # Without telling logind, which would end the manager.
            must rm /var/lib/systemd/linger/lingerer
            has "$(finding USER=root)" 'note: is off'
            has "$(finding)" '→ loginctl enable-linger lingerer'
            """#)
    }
}

/// The same under a service manager.
@Suite(.serialized, requires(.user), requires("jq", "bash"))
struct DoctorServiceTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("sessions in somebody else's service are named; so is what becomes of the others at logout")
    func services() throws {
        try ServiceManager.user.run(
            box,
            #"""
            # Who lingers is noted there.
            must mount -t tmpfs tmpfs /var/lib/systemd
            mkdir /var/lib/systemd/linger
            finding() { keeperctl doctor --json | jq -r "select(.check == \"$1\") | .level + \": \" + .message + \" → \" + .remedy"; }
            is "$(finding systemd)" 'ok: your service manager answers → '
            is "$(finding lingering)" "note: is off: your service manager, and 0 sessions in its units, end when you log out → loginctl enable-linger root"
            must keeperctl doctor >/dev/null
            must keeperctl spawn --isolate systemd own -- cat
            is "$(finding lingering)" "wrong: is off: your service manager, and 1 sessions in its units, end when you log out → loginctl enable-linger root"
            keeperctl doctor >/dev/null && fail 'nothing is wrong'
            touch /var/lib/systemd/linger/root
            has "$(finding lingering)" 'ok: is on'
            must keeperctl doctor >/dev/null
            is "$(finding cgroup)" ''
            service dashboard <<'END'
            keeperctl spawn --isolate none lost -- cat
            END
            must systemctl --user start dashboard
            is "$(finding cgroup)" 'wrong: session lost is part of dashboard.service and ends when that stops or is restarted → end it, and start it again with --isolate systemd'
            keeperctl doctor >/dev/null && fail 'nothing is wrong'
            must keeperctl kill lost
            must systemd-run --user --quiet --scope --unit=session-7.scope keeperctl spawn --isolate none login -- cat
            has "$(finding cgroup)" 'note: session login is part of session-7.scope: with KillUserProcesses=yes it ends at logout'
            is "$(XDG_RUNTIME_DIR=/nowhere keeperctl doctor | grep -A 1 systemd:)" \
                "note   systemd: your service manager doesn't answer: no session can have a unit"$'\n'"       → loginctl enable-linger root"
            """#)
    }
}
