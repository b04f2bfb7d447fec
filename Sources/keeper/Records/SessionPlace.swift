import CSystem
import KeeperShared

/// The names in the sessions directory that this keeper owns, from the claim of the id to the end.
///
/// The process stands in the directory, so that socket addresses are short whatever its depth.
final class SessionPlace {
    let names: SessionNames
    let directory: FileDescriptor
    /// Absolute, for the child.
    let directoryPath: String
    let folder: SessionFolder
    let inputListener: FileDescriptor
    let controlListener: FileDescriptor
    let sidecar: OwnedSidecar
    private let socketFile: FileMetadata?
    private var childSidecar: FileMetadata?
    /// What was at the socket's name before is under its dot-name, until the start has succeeded.
    private var replacedSocket: Bool
    private var folderIsInstalled = false

    /// Claims the id: the sidecar first, so that whatever else is left by a `kill -9` can be found.
    ///
    /// The caller holds the id's lock and has cleared away what a dead keeper left.
    init(_ names: SessionNames, in directory: consuming FileDescriptor, path: String) throws(SystemError) {
        sidecar = try OwnedSidecar.make(names, in: directory)
        self.names = names
        self.directory = directory
        directoryPath = path
        do throws(SystemError) {
            try self.directory.removeTree(names.newFolder)
            try self.directory.makeDirectory(names.newFolder)
            folder = SessionFolder(try self.directory.openDirectory(names.newFolder))
            controlListener = try FileDescriptor.listening(
                at: names.newFolder + "/" + SessionNames.controlSocket)
            try self.directory.remove(names.newSocket)
            inputListener = try FileDescriptor.listening(at: names.newSocket)
            socketFile = try self.directory.metadata(of: names.newSocket)
            replacedSocket = try self.directory.metadata(of: names.socket) != nil
            try self.directory.rename(
                names.newSocket, to: names.socket, in: self.directory,
                flags: replacedSocket ? UInt32(RENAME_EXCHANGE) : 0)
        } catch {
            // What can't be taken back is cleared away by the next start; the caller hears of the first failure.
            try? self.directory.remove(names.newSocket)
            try? self.directory.removeTree(names.newFolder)
            sidecar.removeName(names, in: self.directory)
            throw error
        }
    }

    func save(into state: inout SavedState) {
        state.directory = directory.raw
        state.folder = folder.descriptor.raw
        state.sidecar = sidecar.number
        state.inputListener = inputListener.raw
        state.controlListener = controlListener.raw
        state.directoryPath = directoryPath
        state.socketFile = socketFile
        state.childSidecar = childSidecar
    }

    /// Goes on owning what another binary of this process made.
    init(_ names: SessionNames, restoring state: SavedState) {
        self.names = names
        directory = FileDescriptor(owning: state.directory)
        folder = SessionFolder(FileDescriptor(owning: state.folder))
        sidecar = OwnedSidecar(owning: FileDescriptor(owning: state.sidecar))
        inputListener = FileDescriptor(owning: state.inputListener)
        controlListener = FileDescriptor(owning: state.controlListener)
        directoryPath = state.directoryPath
        socketFile = state.socketFile
        childSidecar = state.childSidecar
        replacedSocket = false
        folderIsInstalled = true
    }

    /// Puts the child's PID beside the keeper's.
    func recordChild(_ pid: pid_t) throws(SystemError) {
        let file = try directory.open(names.newChildSidecar, O_WRONLY | O_CREAT | O_TRUNC)
        do throws(SystemError) {
            try file.writeAll(Array("\(pid)\n".utf8), names.childSidecar)
            childSidecar = try file.metadata()
            try directory.rename(names.newChildSidecar, to: names.childSidecar)
        } catch {
            // Nobody reads that name; the caller hears of the first failure.
            try? directory.remove(names.newChildSidecar)
            throw error
        }
    }

    /// Makes the new session's folder the folder; the one before it is kept once.
    func installFolder() throws(SystemError) {
        let exchange = UInt32(RENAME_EXCHANGE)
        if try directory.metadata(of: names.folder) == nil {
            try directory.rename(names.newFolder, to: names.folder)
        } else {
            // There is a folder at every moment, and the older one goes only when all else is done.
            try directory.rename(names.newFolder, to: names.folder, in: directory, flags: exchange)
            do throws(SystemError) {
                let hasPrevious = try directory.metadata(of: names.previousFolder) != nil
                try directory.rename(
                    names.newFolder, to: names.previousFolder, in: directory,
                    flags: hasPrevious ? exchange : 0)
            } catch {
                // The caller hears of the first failure.
                try? directory.rename(names.newFolder, to: names.folder, in: directory, flags: exchange)
                throw error
            }
            // The next start removes it.
            try? directory.removeTree(names.newFolder)
        }
        folderIsInstalled = true
        // The next start removes it.
        if replacedSocket { try? directory.remove(names.newSocket) }
        replacedSocket = false
    }

    /// Takes back a start that failed: what was there before is there again. What can't be taken back is cleared away by
    /// the next start; the caller hears of the failure before.
    func withdraw() {
        if replacedSocket {
            try? directory.rename(names.newSocket, to: names.socket)
        } else {
            try? removeSocket()
        }
        try? removeChildSidecar()
        if !folderIsInstalled { try? directory.removeTree(names.newFolder) }
        sidecar.removeName(names, in: directory)
    }

    /// Removes the input socket's name: no writer can connect from here on.
    func removeSocket() throws(SystemError) { try remove(names.socket, ifSameAs: socketFile) }

    func removeControlSocket() throws(SystemError) {
        try folder.descriptor.remove(SessionNames.controlSocket)
    }

    /// Whether the child's PID is beside the keeper's.
    var hasChildSidecar: Bool { childSidecar != nil }

    func removeChildSidecar() throws(SystemError) {
        let file = childSidecar
        childSidecar = nil
        try remove(names.childSidecar, ifSameAs: file)
    }

    /// Removes everything that an ended session leaves for readers.
    func removeFiles() throws(SystemError) {
        RemovedFolders.remove(names, in: directory)
        try directory.remove(names.log)
    }

    /// Removes the sidecar's name; after this no name is touched any more. The lock stays until the process ends.
    func removeSidecar() { sidecar.removeName(names, in: directory) }

    private func remove(_ name: String, ifSameAs file: FileMetadata?) throws(SystemError) {
        guard let file, let there = try directory.metadata(of: name), there.isSameFile(as: file) else {
            return
        }
        try directory.remove(name)
    }
}
