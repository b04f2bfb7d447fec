import CSystem
import KeeperShared

/// Notices that a session's files change and that the session is over, without asking its keeper.
///
/// It is over when its status says so or its keeper is dead: what is in its folder then is all there will be.
final class SessionWatch {
    /// Set before the last bytes are read: who reads to the end after seeing it has read everything.
    private(set) var isOver = false
    /// What the session said last.
    private(set) var status: SessionStatus?
    private let names: SessionNames
    private let directory: FileDescriptor
    private let files: FolderWatch?
    private var keeper: ProcessHandle?

    /// How often to look where the kernel won't tell.
    private static let interval: Int32 = 200
    private static let slowInterval: Int32 = 1000

    /// Begins to watch the session whose open folder this is.
    init(
        _ names: SessionNames, in directory: borrowing SessionsDirectory, folder: borrowing FileDescriptor
    ) throws(SystemError) {
        self.names = names
        self.directory = try directory.descriptor.duplicate()
        // Before the first look, so that nothing is missed between the two.
        files = FolderWatch.open(folder)
        try readStatus(in: folder)
        if !isOver { try findKeeper() }
        // A keeper that ended in between has left its last words.
        if isOver { try readStatus(in: folder) }
    }

    /// Adds what this waits for to a turn.
    func prepare(_ set: PollSet) {
        if isOver { return }
        let isWatched: Void? = files.use { set.add($0.descriptor, .input) }
        if isWatched == nil { set.limit(milliseconds: SessionWatch.interval) }
        let isKnown: Void? = keeper.use { set.add($0.descriptor, .input) }
        if isKnown == nil { set.limit(milliseconds: SessionWatch.slowInterval) }
    }

    /// Takes in what happened.
    func turn(_ set: PollSet, folder: borrowing FileDescriptor) throws(SystemError) {
        if isOver { return }
        let hasChanged = files.use {
            !set.readiness(of: $0.descriptor).isEmpty && $0.drain(renamedTo: "status.json")
        }
        let lives = keeper.use { set.readiness(of: $0.descriptor).isEmpty }
        if lives != true {
            // Where the lock has outlived its keeper, another one will go on.
            keeper = nil
            try findKeeper()
        }
        if hasChanged ?? true || isOver { try readStatus(in: folder) }
    }

    private func readStatus(in folder: borrowing FileDescriptor) throws(SystemError) {
        do throws(SystemError) {
            let bytes = try folder.contents(of: SessionNames.status)
            guard let status = SessionStatus(bytes: bytes) else { return }
            self.status = status
            if status.state.isFinal { isOver = true }
        } catch {
            // A session that is over may have removed it.
            if error.code != ENOENT { throw error }
        }
    }

    /// Looks for the keeper by its lock, and then for a descriptor that tells of its end.
    private func findKeeper(again: Bool = false) throws(SystemError) {
        guard case .live(let pid) = try SidecarState.read(names.sidecar, in: directory) else {
            isOver = true
            return
        }
        guard let owner = status?.keeper else {
            keeper = ProcessHandle.open(pid: pid)
            return
        }
        if !owner.isNamed(by: pid) {
            // The id has a new owner, and this folder is of the session before; unless that keeper has just taken over.
            // A folder that can't be opened is not this session's.
            guard !again, let folder = try? directory.openDirectory(names.folder),
                let now = SessionStatus.read(names.folder, in: directory),
                equalUTF8(now.instance, status?.instance ?? "")
            else { return isOver = true }
            try readStatus(in: folder)
            return try findKeeper(again: true)
        }
        // PIDs of another namespace mean nothing here; its lock does, and is looked at again and again.
        if !equalUTF8(owner.pidNamespace, pidNamespace()) { return }
        keeper = ProcessHandle.open(pid: pid, startTime: owner.identity.startTime)
    }
}
