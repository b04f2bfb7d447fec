import CSystem

/// A service manager that starts keepers in units of their own: the user's or the system's.
package struct UnitManager {
    package let isUsers: Bool
    /// Where the user's manager has its sockets.
    package let runtimeDirectory: String

    package static var system: UnitManager { UnitManager(isUsers: false, runtimeDirectory: "/run") }
    package static var users: UnitManager {
        UnitManager(
            isUsers: true,
            runtimeDirectory: environment("XDG_RUNTIME_DIR") ?? concat("/run/user/", String(geteuid())))
    }

    /// The manager for somebody who sits in this control group, if it answers.
    package static func find(for group: ControlGroup?) -> UnitManager? {
        // Below the user's manager one stays there; root's services are the system's, and only root may add to those.
        if geteuid() == 0, !(group.map { contains($0.path, "/user@") } ?? false), system.answers {
            return system
        }
        return users.answers ? users : nil
    }

    /// Whether somebody listens at the manager's own socket: no bus is needed.
    ///
    /// The system's manager is process 1 of this PID namespace; what a container sees of its host's is not.
    package var answers: Bool {
        do throws(SystemError) {
            let directory = try FileDescriptor.open(
                concat(runtimeDirectory, "/systemd"), O_PATH | O_DIRECTORY)
            let socket = try FileDescriptor.connected(to: "private", in: directory, timeout: .seconds(1))
            let pid = socket.peerProcess() ?? 0
            return isUsers ? pid > 0 : pid == 1
        } catch {
            // Whatever keeps it from answering: 'doctor' tells what to do.
            return false
        }
    }

    /// The name of a session's unit, escaped as systemd-escape does it.
    ///
    /// - Parameter suffix: makes it another one where that name is taken.
    package static func unitName(_ id: String, suffix: String) -> String {
        var name: [UInt8] = []
        for byte in id.utf8 {
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "@"), UInt8(ascii: "+"):
                name.append(literal: "\\x")
                for digit in [byte >> 4, byte & 15] { name.append(digit + (digit < 10 ? 48 : 87)) }
            default: name.append(byte)
            }
        }
        // No unit's name has more than 255 bytes; these are longer only where an id is made of dashes.
        return concat("keeper-", String(decoding: name.prefix(210), as: UTF8.self), suffix, ".service")
    }
}
