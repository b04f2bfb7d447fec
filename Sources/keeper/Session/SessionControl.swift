import CSystem
import KeeperShared

// What the control socket's methods do.
extension Session {
    private enum Method: String, CaseIterable {
        case status, stop, signal, closeInput, label, restart, pause, resume, resize, input, write, upgrade
    }

    func perform(_ request: ControlRequest) {
        let (parameters, reply) = (request.parameters, request.reply)
        do throws(ControlError) {
            guard let method = Method.allCases.first(where: { equalUTF8($0.rawValue, request.method) }) else {
                throw .unknownMethod(request.method)
            }
            switch method {
            case .status:
                control.send(reply) { json in
                    json.key("result")
                    recorder.writeStatus(to: &json)
                }
            case .stop: try stop(parameters, reply)
            case .signal: try signal(parameters, reply)
            case .closeInput:
                // The lines of writers that connected before this request count as queued.
                acceptWaiting()
                input.closeWhenThrough(reply)
            case .label: try label(parameters, reply)
            case .restart: try restart(reply)
            case .pause: try setPaused(true, reply)
            case .resume: try setPaused(false, reply)
            case .resize: try resize(parameters, reply)
            case .input: try openInput(reply)
            case .write: try write(parameters, reply)
            case .upgrade: try requestUpgrade(parameters, reply)
            }
        } catch {
            control.answer(reply, error)
        }
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
        if isNow { steps = StopStep.now }
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
                try child.use { child throws(SystemError) in try child.signal(number) }
            }
        } catch {
            throw .failed(error)
        }
        recorder.record(.signalled(number))
        control.answer(reply)
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
            json.key("labels")
            labels.write(to: &json)
        }
    }

    /// `resize`: the terminal's size, for this child and those after it.
    private func resize(_ parameters: JSONValue, _ reply: Reply) throws(ControlError) {
        guard settings.terminalSize != nil else { throw .notTerminal }
        guard
            let size = TerminalSize(
                columns: Int(parameters["cols"]?.intValue ?? 0), rows: Int(parameters["rows"]?.intValue ?? 0))
        else { throw .invalidParameters("cols and rows must be numbers from 1 to \(TerminalSize.largest)") }
        do throws(SystemError) { try input.stdin.resize(size) } catch { throw .failed(error) }
        if recorder.status.terminalSize != size {
            recorder.status.terminalSize = size
            recorder.writeStatus()
            scheduleRetry()
        }
        control.answer(reply)
    }

    /// `input`: what follows on this connection goes into the terminal, byte for byte.
    private func openInput(_ reply: Reply) throws(ControlError) {
        guard settings.terminalSize != nil else { throw .notTerminal }
        control.answer(reply)
        control.becomeStream(reply.connection)
    }
}
