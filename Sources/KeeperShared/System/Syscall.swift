import CSystem

/// A system call that failed: which call, on what, and the system's error number.
package struct SystemError: Error {
    package let call: StaticString
    package let subject: String
    package let code: Int32

    package init(_ call: StaticString, _ subject: String, _ code: Int32) {
        self.call = call
        self.subject = subject
        self.code = code
    }

    /// The system's text for the error number, as in `Permission denied`.
    package var reason: String { errorText(code) }

    /// `open /path: Permission denied`
    package var text: String {
        subject.isEmpty ? "\(call): \(reason)" : "\(call) \(subject): \(reason)"
    }
}

/// The system's text for an error number.
package func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

/// Runs a system call until it is not interrupted, and throws what it reports.
///
/// - Returns: the call's result, which is not negative.
@discardableResult
package func systemCall<Result: SignedInteger>(
    _ call: StaticString, _ subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = csys_errno()
        if code != EINTR { throw SystemError(call, subject(), code) }
    }
}
