import KeeperShared

/// Why a request can't be done, in JSON-RPC's codes and ours.
enum ControlError: Error {
    case parse(JSONError)
    case invalidRequest(StaticString)
    case unknownMethod(String)
    case invalidParameters(String)
    case wrongState(SessionState, wanted: StaticString)
    case tooLong
    case childAway
    case notTerminal
    case failed(SystemError)
    /// Another failure, in words.
    case refused(String)

    var code: Int {
        switch self {
        case .parse: -32700
        case .invalidRequest: -32600
        case .unknownMethod: -32601
        case .invalidParameters: -32602
        case .wrongState: 1
        case .tooLong: 2
        case .childAway: 3
        case .notTerminal: 4
        case .failed, .refused: 5
        }
    }

    var message: String {
        switch self {
        case .parse(let error): "not JSON: \(error.message)"
        case .invalidRequest(let why): "invalid request: \(why)"
        case .unknownMethod(let name): "unknown method '\(name)'"
        case .invalidParameters(let why): "invalid params: \(why)"
        case .wrongState(let state, let wanted): "wrong_state: the session is \(state.name), not \(wanted)"
        case .tooLong: "too_long: a message has at most \(ControlServer.maximumMessage) bytes"
        case .childAway: "child_away: there is no child"
        case .notTerminal: "not_tty: the session has no terminal"
        case .failed(let error): "failed: \(error.text)"
        case .refused(let why): "failed: \(why)"
        }
    }

    /// Appends what a program needs to know of it.
    func writeData(to json: inout JSONWriter) {
        switch self {
        case .wrongState(let state, let wanted):
            json.object("data") { json in
                json.member("state", text: state.name)
                json.member("wanted", text: wanted)
            }
        case .failed(let error):
            json.object("data") { json in
                json.member("call", text: error.call)
                json.member("errno", Int(error.code))
            }
        case .parse, .invalidRequest, .unknownMethod, .invalidParameters, .tooLong, .childAway, .notTerminal,
            .refused:
            break
        }
    }
}
