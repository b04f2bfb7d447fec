import CSystem
import KeeperShared

let doctorCommand = Command("doctor", run: runDoctor) {
    CommandSpec(
        $0, summary: "Look for what could harm sessions",
        description: [
            "Looks at the sessions directory, the limits of the system, what becomes of sessions when a service restarts "
                + "or their user logs out, the versions of running keepers, the disk, and what dead keepers have left. Each "
                + "finding says what to do."
        ], groups: [OptionGroup("Options", [Shared.json])],
        examples: [ExampleSpec("keeperctl doctor", "Shows what was looked at, and what is wrong.")],
        exitStatuses: [
            ExitStatusSpec("0", "Nothing is wrong."), ExitStatusSpec("1", "Something is wrong."),
        ])
}

/// `doctor`: looks for what could harm sessions, and says what to do about it.
func runDoctor(_ context: Context) throws(CommandFailure) -> Int32 {
    let doctor = Doctor(context)
    doctor.lookAtProgram()
    doctor.lookAtLimits()
    do throws(CommandFailure) {
        if let directory = try context.openDirectory() {
            doctor.lookAt(directory)
        } else {
            let path = try context.directoryPath()
            doctor.say(.good, "directory", concat(path, " will be made by the first session"))
        }
    } catch {
        doctor.say(.wrong, "directory", error.text)
    }
    doctor.lookAtManager()
    context.output.flush()
    return doctor.status
}

/// What was looked at, and what was found.
private final class Doctor {
    enum Verdict: String {
        case good = "ok"
        /// Nothing is wrong with it, but it may be of interest.
        case note
        case wrong
    }

    private(set) var status = ExitStatus.done
    private let output: StandardOutput
    private let isJSON: Bool
    /// Live sessions.
    private var count = 0
    /// Those in units of the user's own manager.
    private var usersCount = 0
    /// Whether other units are the system's manager's.
    private let isSystems = geteuid() == 0 && UnitManager.system.answers

    init(_ context: Context) {
        output = context.output
        isJSON = context.arguments[Shared.json]
    }

    /// Prints a finding.
    ///
    /// - Parameter remedy: what to do about it.
    @inline(never)
    func say(
        _ verdict: Verdict, _ check: StaticString, _ text: String, _ remedy: String = "",
        _ id: SessionID? = nil
    ) {
        let name = verdict.rawValue
        if verdict == .wrong { status = ExitStatus.failed }
        guard isJSON else {
            let blanks = String(repeating: " ", count: 7 - name.utf8.count)
            output.write(concat(name, blanks, "\(check)", ": ", text, "\n"))
            if !remedy.isEmpty { output.write(concat("       → ", remedy, "\n")) }
            return
        }
        output.write(
            jsonObject(isLine: true) { json in
                json.member("check", text: check)
                json.member("level", name)
                if let id { json.member("sessionId", id.string) }
                json.member("message", text)
                if !remedy.isEmpty { json.member("remedy", remedy) }
            })
    }

    // MARK: The machine

    func lookAtProgram() {
        let path = keeperPath()
        if path.utf8.first == UInt8(ascii: "/") {
            say(.good, "program", concat("new sessions get ", path, ", version ", "\(keeperVersion)"))
        } else {
            say(
                .note, "program", "there is no keeper beside keeperctl: new sessions get one from the PATH",
                "put both into one directory")
        }
    }

    func lookAtLimits() {
        var limit = rlimit()
        _ = getrlimit(RLIMIT_NOFILE, &limit)
        let text = concat("a process may have ", String(Int(min(limit.rlim_cur, 1 << 62))), " descriptors")
        if limit.rlim_cur < 256 {
            say(.wrong, "descriptors", text, "raise it: 'ulimit -n 1024', or LimitNOFILE=1024 in the unit")
        } else {
            say(.good, "descriptors", text)
        }
        let instances = number("fs/inotify/max_user_instances")
        let watch = inotify_init1(Int32(IN_CLOEXEC))
        let failure = csys_errno()
        if watch >= 0 { close(watch) }
        if watch < 0 && failure == EMFILE {
            say(
                .wrong, "inotify", concat("all ", String(instances), " instances of this user are taken"),
                "as root: sysctl fs.inotify.max_user_instances=1024")
        } else {
            say(.good, "inotify", concat("a user may have ", String(instances), " instances"))
        }
    }

    private func lookAtPipes() {
        // Three pipes of 16 pages for each session (pipe(7)); root has as many as it likes.
        let pages = number("fs/pipe-user-pages-soft")
        if geteuid() != 0, pages > 0, count * 48 > pages {
            say(
                .note, "pipes", concat("with ", String(count), " sessions, new ones have small pipes"),
                concat("as root: sysctl fs.pipe-user-pages-soft=", String(count * 96)))
        } else {
            say(.good, "pipes", concat(String(pages), " pages for a user's pipes"))
        }
    }

    private func number(_ name: String) -> Int {
        let bytes = processFile(concat("sys/", name), limit: 64) ?? []
        return decimal(Array(bytes.prefix { $0 != UInt8(ascii: "\n") })) ?? 0
    }

    func lookAtManager() {
        lookAtPipes()
        guard access("/run/systemd/system", F_OK) == 0 else {
            return say(.good, "systemd", "doesn't run here: no service ends sessions")
        }
        let manager = UnitManager.find(for: ControlGroup(of: "self"))
        guard let manager else {
            return say(
                .note, "systemd", "your service manager doesn't answer: no session can have a unit",
                enableLingering)
        }
        say(
            .good, "systemd",
            manager.isUsers ? "your service manager answers" : "the system's service manager answers")
        if !manager.isUsers && usersCount == 0 { return }
        if environment("XDG_RUNTIME_DIR") == nil {
            say(
                .note, "bus", "XDG_RUNTIME_DIR is not set: 'systemctl --user' finds no manager",
                concat("export XDG_RUNTIME_DIR=", manager.runtimeDirectory))
        } else if access(concat(manager.runtimeDirectory, "/bus"), F_OK) != 0 {
            say(.note, "bus", "there is no user bus: keeper needs none", "install dbus-user-session")
        } else {
            say(.good, "bus", "the user's bus is there")
        }
        lookAtLingering()
    }

    private func lookAtLingering() {
        let sessions = concat("your service manager, and ", String(usersCount), " sessions in its units,")
        let fate = concat(sessions, " end when you log out")
        guard let user else {
            return say(
                .note, "lingering",
                concat("unknown: user ", String(geteuid()), " has no name here; if it is off, ", fate),
                enableLingering)
        }
        if access(concat("/var/lib/systemd/linger/", user), F_OK) == 0 {
            say(.good, "lingering", "is on: your service manager outlives your logout")
        } else if csys_errno() == ENOENT {
            say(usersCount > 0 ? .wrong : .note, "lingering", concat("is off: ", fate), enableLingering)
        } else {
            let reason = errorText(csys_errno())
            say(.note, "lingering", concat("unknown (", reason, "); if it is off, ", fate), enableLingering)
        }
    }

    /// Without a name it is for the user who runs it.
    private var enableLingering: String {
        concat("loginctl enable-linger", user.map { concat(" ", $0) } ?? "")
    }

    /// The name of this process's user, for files and commands.
    private lazy var user = userName(geteuid())

    // MARK: The sessions

    func lookAt(_ directory: borrowing SessionsDirectory) {
        // An open directory has metadata; without them there is nothing to warn of.
        let metadata = try? directory.descriptor.metadata()
        if let metadata, metadata.mode & 0o077 != 0 {
            say(
                .note, "directory", concat(directory.path, ": others can look into it"),
                concat("chmod 700 ", directory.path))
        } else {
            say(.good, "directory", directory.path)
        }
        lookAtDisk(directory)
        let found: Discovery
        do throws(SystemError) {
            found = try Discovery(of: directory.descriptor)
        } catch {
            return say(.wrong, "directory", concat(directory.path, ": ", error.text))
        }
        for failure in found.failures {
            let text = concat("session ", failure.id.string, ": ", failure.error.text)
            say(.wrong, "sidecars", text, "", failure.id)
        }
        let before = status
        for session in found.sessions { lookAt(session, directory.descriptor) }
        if status == before {
            say(.good, "sessions", concat(String(count), " live"))
        }
    }

    private func lookAt(_ session: Discovery.Session, _ directory: borrowing FileDescriptor) {
        let id = session.id
        let what = concat("session ", id.string)
        switch session.ownership {
        case .nobody, .unsettled: return
        case .dead:
            say(.wrong, "sidecars", concat(what, ": its keeper has died"), "keeperctl discover", id)
        case .foreign:
            say(.note, "sidecars", concat(what, " belongs to a foreign keeper"), "", id)
        case .keeper(let pid):
            count += 1
            let status = SessionStatus.of(SessionNames(id), keeper: pid, in: directory)
            if let status, !equalUTF8(status.keeper.version, "\(keeperVersion)") {
                say(
                    .note, "version",
                    concat(what, " has keeper ", status.keeper.version, ", this is ", "\(keeperVersion)"),
                    concat("keeperctl upgrade ", id.string), id)
            }
            // A PID of another namespace is another process here.
            if let status, !equalUTF8(status.keeper.pidNamespace, pidNamespace()) { return }
            guard let group = ControlGroup(of: String(pid)), let unit = group.unit else { return }
            if !group.isService {
                if unit.utf8.starts(with: "session-".utf8) {
                    say(
                        .note, "cgroup",
                        concat(what, " is part of ", unit, ": with KillUserProcesses=yes it ends at logout"),
                        "start it again with --isolate systemd", id)
                }
            } else if let own = status?.keeper.unit, equalUTF8(own, unit) {
                if !isSystems || contains(group.path, "/user@") { usersCount += 1 }
            } else {
                say(
                    .wrong, "cgroup",
                    concat(what, " is part of ", unit, " and ends when that stops or is restarted"),
                    "end it, and start it again with --isolate systemd", id)
            }
        }
    }

    private func lookAtDisk(_ directory: borrowing SessionsDirectory) {
        var record = statvfs()
        if fstatvfs(directory.descriptor.raw, &record) < 0 { return }
        let size = Int(record.f_bavail) * Int(record.f_frsize)
        var room: [UInt8] = []
        room.appendRoundedSize(size)
        let text = concat("room for ", String(decoding: room, as: UTF8.self))
        if record.f_flag & UInt(ST_RDONLY) != 0 {
            say(.wrong, "disk", concat(directory.path, " is read-only"), "use --sessions-dir")
        } else if size < 128 << 20 || (record.f_files > 0 && record.f_favail < 1000) {
            say(
                .wrong, "disk",
                concat(text, " and ", String(Int(record.f_favail)), " files: when it is full, commands wait"),
                "keeperctl prune, or make room")
        } else {
            say(.good, "disk", text)
        }
    }
}
