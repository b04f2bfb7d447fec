import CSystem
import KeeperShared

/// A control group for the child and all that it starts, below the one of the keeper's own unit (cgroups(7),
/// version 2). Nobody leaves it by forking, and all in it can be killed in one step, faster than any of them forks.
///
/// Only where this keeper is a unit's main process: in any other group there may be somebody else, and the service
/// manager wants to be the only one who changes it.
final class ChildGroup {
    private let folder: FileDescriptor

    /// Makes it, or finds the one that another keeper of the session has made.
    ///
    /// - Returns: nil where there is no unit, no such tree, or no permission; the session does without then.
    init?(below keeper: SessionStatus.Keeper) {
        guard keeper.unit != nil, let group = keeper.cgroup else { return nil }
        // The second is where the older hierarchies are mounted as well.
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] as [StaticString] {
            do throws(SystemError) {
                let unit = try FileDescriptor.open(concat("\(root)", group), O_RDONLY | O_DIRECTORY)
                // There since Linux 5.14; the older hierarchies don't have it at all.
                guard try unit.metadata(of: "cgroup.kill") != nil else { continue }
                do throws(SystemError) {
                    try unit.makeDirectory(ChildGroup.name, mode: 0o755)
                } catch { if error.code != EEXIST { throw error } }
                folder = try unit.openDirectory(ChildGroup.name)
                return
            } catch { continue }
        }
        return nil
    }

    private static let name = "session"

    /// What a process writes a 0 into to become a member; nil when it can't be opened: the child stays in the keeper's
    /// group then, and its descendants are found by their parents.
    func openEntrance() -> FileDescriptor? { try? folder.open("cgroup.procs", O_WRONLY) }

    /// Who is in it, or in a group that was made below it: a container's, for one.
    var members: [pid_t] {
        var found: [pid_t] = []
        ChildGroup.addMembers(of: folder, to: &found, depth: 0)
        return found
    }

    private static func addMembers(of group: borrowing FileDescriptor, to found: inout [pid_t], depth: Int) {
        // A group that has gone has no members.
        if let file = try? group.open("cgroup.procs", O_RDONLY), let bytes = try? file.readAll(limit: 1 << 20)
        {
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                // 0 is a process that is not in this one's PID namespace.
                if let number = decimal(Array(line)), number > 1 { found.append(pid_t(number)) }
            }
        }
        if depth == maximumDepth { return }
        var names: [String] = []
        // Nor groups below it.
        try? group.forEachRawEntry { name, _, type in
            if type == UInt8(DT_DIR), name[0] != UInt8(ascii: ".") { names.append(String(cString: name)) }
        }
        for name in names {
            if let below = try? group.openDirectory(name) {
                addMembers(of: below, to: &found, depth: depth + 1)
            }
        }
    }

    /// A descriptor for each: deeper than service managers and containers in each other go.
    private static let maximumDepth = 16

    /// Kills all that are in it, and what they are about to fork.
    func kill() -> Bool {
        // Where it can't be done at once each process is killed by itself.
        guard let file = try? folder.open("cgroup.kill", O_WRONLY) else { return false }
        return (try? file.writeAll(Array("1".utf8))) != nil
    }
}
