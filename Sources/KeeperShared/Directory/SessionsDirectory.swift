import CSystem

/// Why a sessions directory can't be used, in one line that says what to change.
package struct SessionsDirectoryError: Error {
    package let text: String
}

/// The directory that is the registry of all sessions.
package struct SessionsDirectory: ~Copyable {
    /// As it was asked for.
    package let path: String
    package let descriptor: FileDescriptor

    /// The first of the option, `KEEPER_SESSIONS_DIR`, `PI_DASHBOARD_HOME` and `HOME`.
    package static func resolve(option: String?) throws(SessionsDirectoryError) -> String {
        if let option {
            if option.isEmpty {
                throw SessionsDirectoryError(text: "--sessions-dir is empty: name a directory")
            }
            return option
        }
        if let path = environment("KEEPER_SESSIONS_DIR") { return path }
        if let home = environment("PI_DASHBOARD_HOME") ?? environment("HOME") {
            return home + "/.pi/dashboard/sessions"
        }
        throw SessionsDirectoryError(
            text: "no sessions directory: neither KEEPER_SESSIONS_DIR nor HOME is set; use --sessions-dir DIR"
        )
    }

    /// Opens the directory, and makes it, private to the user, when `create` says so.
    ///
    /// - Returns: nil when it doesn't exist and was not to be made.
    package static func open(
        path: String, create: Bool
    ) throws(SessionsDirectoryError) -> SessionsDirectory? {
        let descriptor: FileDescriptor
        let metadata: FileMetadata
        do throws(SystemError) {
            guard let opened = try openDirectory(path, create: create) else { return nil }
            metadata = try opened.metadata()
            descriptor = opened
        } catch {
            throw SessionsDirectoryError(text: "sessions directory \(path): \(error.call): \(error.reason)")
        }
        if let fault = fault(metadata) {
            throw SessionsDirectoryError(text: "sessions directory \(path): \(fault)")
        }
        return SessionsDirectory(path: path, descriptor: descriptor)
    }

    private static func openDirectory(_ path: String, create: Bool) throws(SystemError) -> FileDescriptor? {
        do throws(SystemError) {
            return try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        } catch {
            if error.code != ENOENT { throw error }
            if !create { return nil }
        }
        try makeDirectories(path)
        return try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
    }

    /// Gives up the rest of this value for its descriptor.
    package consuming func takeDescriptor() -> FileDescriptor { descriptor }

    private static func fault(_ metadata: FileMetadata) -> String? {
        let user = geteuid()
        if metadata.owner != user {
            return
                "it belongs to user \(metadata.owner), not to you (\(user)); use --sessions-dir with one of yours"
        }
        if metadata.mode & 0o022 != 0 {
            return "others can write to it; run 'chmod go-w' on it"
        }
        return nil
    }

    private static func makeDirectories(_ path: String) throws(SystemError) {
        if mkdir(path, 0o700) == 0 { return }
        let code = csys_errno()
        if code == EEXIST { return }
        guard code == ENOENT, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex
        else { throw SystemError("mkdir", path, code) }
        try makeDirectories(String(path[..<slash]))
        if mkdir(path, 0o700) < 0 && csys_errno() != EEXIST { throw SystemError("mkdir", path, csys_errno()) }
    }
}
