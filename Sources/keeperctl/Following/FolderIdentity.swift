import KeeperShared

/// Which folder it is, whatever its name.
struct FolderIdentity: Equatable {
    private var device: UInt = 0
    private var inode: UInt = 0

    /// None.
    init() {}

    init(_ metadata: FileMetadata?) {
        guard let metadata, metadata.isDirectory else { return }
        device = metadata.device
        inode = metadata.inode
    }

    /// What has a name; none when nothing has.
    @inline(never)
    init(_ name: String, in directory: borrowing FileDescriptor) throws(SystemError) {
        self.init(try directory.metadata(of: name))
    }

    var isNone: Bool { inode == 0 }
}
