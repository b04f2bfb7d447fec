import KeeperShared

/// What a caller wants to follow, as parameters say it.
struct FollowChoice {
    var ids: [SessionID] = []
    var label: String?
    var all = false
    /// `now`, `oldest`, or cursors by id.
    var from: JSONValue?
    /// Between figures, in ns.
    var metrics: Int64?
    /// Whether only the last of much output is told, with how many lines it stands for.
    var isThin = false

    /// - Throws: 400 that names the field.
    init(_ members: [JSONMember]) throws(HTTPFailure) {
        for member in members {
            switch member.name {
            case _ where equalUTF8(member.name, "session"): ids.append(try FollowChoice.id(member.value))
            case _ where equalUTF8(member.name, "sessions"):
                guard let elements = member.value.arrayValue, !elements.isEmpty else {
                    throw HTTPFailure(400, "the field \"sessions\" must be an array of ids")
                }
                for element in elements { ids.append(try FollowChoice.id(element)) }
            case _ where equalUTF8(member.name, "label"):
                guard let text = member.value.stringValue else {
                    throw HTTPFailure(400, "the field \"label\" must be a string")
                }
                label = text
            case _ where equalUTF8(member.name, "all"):
                guard let value = member.value.boolValue else {
                    throw HTTPFailure(400, "the field \"all\" must be true or false")
                }
                all = value
            case _ where equalUTF8(member.name, "from"): from = member.value
            case _ where equalUTF8(member.name, "output"):
                guard let word = member.value.stringValue, equalUTF8(word, "all") || equalUTF8(word, "last")
                else {
                    throw HTTPFailure(400, "the field \"output\" must be \"all\" or \"last\"")
                }
                isThin = equalUTF8(word, "last")
            case _ where equalUTF8(member.name, "metrics"):
                guard let text = member.value.stringValue, let time = Argument(text).duration,
                    time >= .milliseconds(100)
                else { throw HTTPFailure(400, "the field \"metrics\" must be a duration of 100ms or more") }
                metrics = time
            default:
                throw HTTPFailure(
                    400,
                    concat(
                        "unknown field ", quoted(member.name),
                        "; it takes session sessions label all from metrics output"))
            }
        }
        if (ids.isEmpty ? 0 : 1) + (label == nil ? 0 : 1) + (all ? 1 : 0) != 1 {
            throw HTTPFailure(400, "give one of \"session\", \"sessions\", \"label\" and \"all\"")
        }
    }

    private static func id(_ value: JSONValue) throws(HTTPFailure) -> SessionID {
        guard let text = value.stringValue else { throw HTTPFailure(400, "a session's id must be a string") }
        do throws(SessionIDError) { return try SessionID(bytes: Array(text.utf8)) } catch {
            throw HTTPFailure(400, concat(quoted(text), " is not a session id: ", error.message))
        }
    }
}
