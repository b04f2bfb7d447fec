import CSystem
import KeeperShared

// What the control socket's methods do.
extension Session {
    func handle(method: String, parameters: JSONValue, reply: Reply) {
        do throws(ControlError) {
            switch try Method(method) {
            case .status: answerStatus(reply)
            case .stop: try stop(parameters, reply)
            case .signal: try signal(parameters, reply)
            case .closeInput:
                // Whoever connected before this request counts as queued.
                acceptWaiting()
                input.closeWhenThrough(reply)
            case .label: try label(parameters, reply)
            case .restart: try restart(reply)
            case .pause: try pause(reply)
            case .resume: try resume(reply)
            case .resize: try resize(parameters, reply)
            case .input: try openInput(reply)
            case .write: try write(parameters, reply)
            case .upgrade: try requestUpgrade(parameters, reply)
            }
        } catch {
            control.answer(reply, error)
        }
    }

    private enum Method {
        case status
        case stop
        case signal
        case closeInput
        case label
        case restart
        case pause
        case resume
        case resize
        case input
        case write
        case upgrade

        init(_ name: String) throws(ControlError) {
            if equalUTF8(name, "status") {
                self = .status
            } else if equalUTF8(name, "stop") {
                self = .stop
            } else if equalUTF8(name, "signal") {
                self = .signal
            } else if equalUTF8(name, "closeInput") {
                self = .closeInput
            } else if equalUTF8(name, "label") {
                self = .label
            } else if equalUTF8(name, "restart") {
                self = .restart
            } else if equalUTF8(name, "pause") {
                self = .pause
            } else if equalUTF8(name, "resume") {
                self = .resume
            } else if equalUTF8(name, "resize") {
                self = .resize
            } else if equalUTF8(name, "input") {
                self = .input
            } else if equalUTF8(name, "write") {
                self = .write
            } else if equalUTF8(name, "upgrade") {
                self = .upgrade
            } else {
                throw .unknownMethod(name)
            }
        }
    }

    private func answerStatus(_ reply: Reply) {
        control.answer(reply) { recorder.writeStatus(to: &$0) }
    }

    private func stop(_ parameters: JSONValue, _ reply: Reply) throws(ControlError) {
        var steps = settings.stopSteps
        if let given = parameters["steps"] {
            guard let text = given.stringValue, let parsed = StopStep.parse(text) else {
                throw .invalidParameters("steps must be a string like \"eof:2s,TERM:2s,KILL:2s\"")
            }
            steps = parsed
        }
        var isNow = false
        if let now = parameters["now"] {
            guard let flag = now.boolValue else { throw .invalidParameters("now must be true or false") }
            isNow = flag
        }
        ending.replies.append(reply)
        if isNow {
            steps = StopStep.now
            if ending.isUnrecorded || (run.end != nil && outputs.contains { $0.failure != nil }) {
                ending.urgency = .now
                return waiveRecording()
            }
        }
        stop(steps, isNow ? .now : .orderly)
    }

    private func signal(_ parameters: JSONValue, _ reply: Reply) throws(ControlError) {
        guard let name = parameters["name"]?.stringValue, let number = signalNumber(name) else {
            throw .invalidParameters("name must be a signal's name, like \"TERM\"")
        }
        var toGroup = false
        if let to = parameters["to"] {
            if equalUTF8(to.stringValue ?? "", "group") {
                toGroup = true
            } else if !equalUTF8(to.stringValue ?? "", "process") {
                throw .invalidParameters("to must be \"process\" or \"group\"")
            }
        }
        guard let pid = childPID else { throw .childAway }
        do throws(SystemError) {
            if toGroup {
                try signalGroup(pid, number)
            } else {
                switch child {
                case .some(let handle): try handle.signal(number)
                case .none: break
                }
            }
        } catch {
            throw .failed(error)
        }
        recorder.record(.signalled(number))
        control.answer(reply) { $0.value(.object([])) }
    }

    private func label(_ parameters: JSONValue, _ reply: Reply) throws(ControlError) {
        var labels = recorder.status.labels
        for member in parameters.members ?? [] {
            if member.name.isEmpty { throw .invalidParameters("a label's name is empty") }
            labels.removeAll { equalUTF8($0.name, member.name) }
            switch member.value {
            case .null: continue
            case .string(let value): labels.append(Label(name: member.name, value: value))
            case .bool, .integer, .number, .array, .object:
                throw .invalidParameters("the value of label '\(member.name)' must be a string or null")
            }
        }
        recorder.status.labels = labels
        recorder.writeStatus()
        recorder.record(.label(labels))
        scheduleRetry()
        control.answer(reply) { json in
            json.beginObject()
            json.key("labels")
            labels.write(to: &json)
            json.endObject()
        }
    }
}
