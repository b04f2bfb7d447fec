import Glibc
import KeeperShared
import Testing

@testable import keeper

/// A session's life without a process: what its machine asks for is answered here.
private struct World {
    var life: Life
    /// How many looks still find a process; nil: nobody can tell.
    var leftovers: Int? = 0
    var isDrained = true
    var isBlocked = false
    var takesRecords = true
    var isRemoved = false
    var readerWaits = false
    var limit: String?
    private(set) var actions: [String] = []
    /// As the events have them.
    private(set) var changes: [SeenTransition] = []
    private var recorded = SessionState.starting

    init(_ policy: RestartPolicy = .no, leaves: Bool = false, steps: [StopStep] = StopStep.standard) {
        life = Life(stopSteps: steps, policy: policy, leavesLeftovers: leaves, state: .starting)
        happen(.spawned)
    }

    mutating func happen(_ event: Life.Event) {
        for action in life.step(event) {
            actions.append(String("\(action)".prefix { $0 != "(" }))
            switch action {
            case .record(let event, let state): record(event.name, state)
            case .recordStart: record("started", life.state)
            case .becomeReady: record("ready", life.state)
            case .recordEnd, .awaitRestart: record("exited", life.state)
            default: break
            }
            answer(action)
        }
    }

    private mutating func record(_ event: StaticString, _ state: SessionState) {
        changes.append(SeenTransition(from: "\(recorded.name)", event: "\(event)", to: "\(state.name)"))
        recorded = state
    }

    /// Takes all that was done so far.
    mutating func done() -> [String] {
        defer { actions = [] }
        return actions
    }

    private mutating func answer(_ action: Life.Action) {
        switch action {
        case .look(let isDue):
            guard let count = leftovers else { return happen(.looked(.hidden, isDue: isDue)) }
            leftovers = max(0, count - 1)
            happen(.looked(count == 0 ? .none : .found([77]), isDue: isDue))
        case .findSurvivors: happen(.survived([77]))
        case .checkOutput:
            happen(.output(isDrained: isDrained, isBlocked: isBlocked, folderIsRemoved: isRemoved))
        case .waiveOutput:
            (isDrained, isBlocked) = (true, false)
            happen(.changed)
        case .countRestart: happen(.restartCounted(givenUp: limit))
        case .recordEnd, .retryRecording:
            happen(.recorded(isOnDisk: takesRecords, folderIsRemoved: isRemoved))
        case .leave: happen(.left(awaitsReader: readerWaits))
        case .dismissReader: happen(.readerGone)
        case .startAtOnce:
            happen(.spawned)
            happen(.started)
        default: break
        }
    }

    mutating func childEnds(_ end: ProcessEnd) {
        happen(.childEnded(end))
        happen(.changed)
    }
}

@Suite("The machine of a session's life")
struct LifeTests {
    @Test func aChildThatEndsEndsTheSession() {
        var world = World()
        world.happen(.ready)
        world.happen(.ready)
        #expect(world.done() == ["becomeReady"], "once")
        world.childEnds(.exited(3))
        #expect(
            world.done() == [
                "clearReason", "closeInput", "look", "checkOutput", "clear", "recordEnd", "refuseRestarts",
                "reportEnd", "leave", "removeNames",
            ])
        #expect(world.life.isOver && world.life.state == .exited && !world.life.hasFailed)
        world.happen(.stopRequested(StopStep.now, .now, outputIsBlocked: false))
        world.happen(.changed)
        #expect(world.done() == [], "it is over")
    }

    @Test func oneThatWasNeverReadyHasFailedUnlessItEndedWell() {
        for (end, state) in [(ProcessEnd.exited(0), SessionState.exited), (.signalled(9), .failed)] {
            var world = World(.always)
            world.childEnds(end)
            #expect(world.life.isOver && world.life.state == state)
        }
    }

    @Test func policiesSayWhetherAnotherChildFollows() {
        for (policy, end, follows) in [
            (RestartPolicy.no, ProcessEnd.exited(1), false), (.onFailure, .exited(0), false),
            (.onFailure, .exited(1), true), (.always, .exited(0), true), (.always, .unknown, true),
        ] {
            var world = World(policy)
            world.happen(.ready)
            world.childEnds(end)
            #expect(world.actions.contains("awaitRestart") == follows)
            #expect(world.life.state == (follows ? .backoff : .exited))
        }
        var world = World(.always)
        world.limit = "enough"
        world.happen(.ready)
        world.childEnds(.exited(0))
        #expect(world.life.state == .failed && world.life.givenUp == "enough")
    }

    @Test func stepsFollowEachOtherUntilOneWaits() {
        var world = World(steps: [
            StopStep(.closeInput, wait: 0), StopStep(.signal(SIGTERM), wait: .seconds(1)),
            StopStep(.signal(SIGKILL), wait: 0),
        ])
        world.happen(.ready)
        _ = world.done()
        let steps: [StopStep] = [
            StopStep(.closeInput, wait: 0), StopStep(.signal(SIGTERM), wait: .seconds(1)),
            StopStep(.signal(SIGKILL), wait: 0),
        ]
        world.happen(.stopRequested(steps, .orderly, outputIsBlocked: false))
        #expect(world.done() == ["noteCause", "record", "take", "take", "set"])
        world.happen(.stopRequested(steps, .orderly, outputIsBlocked: false))
        #expect(world.done() == [], "the second waits with the first")
        world.happen(.stepDue)
        #expect(world.done() == ["take", "set"] && world.life.leftoverGrace == 0)
        world.happen(.stepDue)
        #expect(world.done() == ["findSurvivors", "record", "answerStops", "refuseRestarts", "set"])
        #expect(world.life.state == .stuck)
        world.happen(.stuckDue)
        #expect(world.done() == ["set", "strikeSurvivors"])
        world.childEnds(.signalled(SIGKILL))
        #expect(world.life.isOver && world.life.state == .exited)
    }

    @Test func leftoversAreAskedThenKilledThenReported() {
        var world = World()
        world.happen(.ready)
        world.leftovers = 9
        world.childEnds(.exited(0))
        #expect(world.life.state == .running)
        world.happen(.leftoversDue)
        world.happen(.leftoversDue)
        let seen = world.done().filter { $0.hasSuffix("Leftovers") || $0 == "record" }
        #expect(seen == ["endLeftovers", "killLeftovers", "record"] && world.life.state == .stuck)
        world.leftovers = 0
        world.happen(.changed)
        #expect(world.life.isOver && world.life.state == .exited)
    }

    @Test func whatCannotBeKnownKeepsNothingAlive() {
        var world = World()
        world.happen(.ready)
        world.leftovers = nil
        world.childEnds(.exited(0))
        for _ in 0..<3 { world.happen(.changed) }
        #expect(!world.life.isOver)
        world.happen(.leftoversDue)
        world.happen(.changed)
        world.happen(.leftoversDue)
        #expect(world.life.isOver)
        #expect(
            world.done().filter { $0.hasPrefix("kill") || $0.hasPrefix("leaveH") } == [
                "killGroup", "leaveHidden",
            ])
    }

    @Test func aFullDiskIsAwaitedUnlessSomebodyIsInAHurry() {
        var world = World()
        world.happen(.ready)
        world.takesRecords = false
        world.childEnds(.exited(0))
        world.happen(.diskDue)
        #expect(world.life.isRecording)
        #expect(world.done().filter { $0 == "noteLateRecord" }.count == 1)
        world.happen(.stopRequested([], .termination, outputIsBlocked: false))
        #expect(world.life.isRecording)
        world.happen(.stopRequested(StopStep.now, .now, outputIsBlocked: false))
        #expect(world.life.isOver && world.done().contains("noteLostRecord"))
    }

    @Test func outputThatTheDiskDoesNotTakeIsAwaitedUnlessSomebodyIsInAHurry() {
        var world = World()
        world.happen(.ready)
        (world.isDrained, world.isBlocked) = (false, true)
        world.childEnds(.exited(0))
        world.happen(.changed)
        #expect(!world.life.isOver)
        world.happen(.stopRequested(StopStep.now, .now, outputIsBlocked: true))
        #expect(world.life.isOver && world.done().contains("waiveOutput"))
    }

    @Test func theFilesAwaitTheirReader() {
        for stops in [nil, Life.Urgency.orderly, .termination] {
            var world = World()
            world.readerWaits = true
            world.happen(.ready)
            world.childEnds(.exited(0))
            #expect(!world.life.isOver && world.life.state == .exited)
            if let stops { world.happen(.stopRequested([], stops, outputIsBlocked: false)) }
            #expect(world.life.isOver == (stops == .termination))
            if stops == .orderly { #expect(world.actions.last == "answerStops") }
            world.happen(.readerGone)
            #expect(world.life.isOver)
        }
    }

    @Test func aRestartIsAskedForOrFollowsALimit() {
        var world = World()
        world.happen(.ready)
        world.happen(.restartRequested)
        #expect(world.life.state == .stopping && world.life.willRestart && world.life.takesRestart)
        world.childEnds(.signalled(SIGTERM))
        #expect(world.life.state == .backoff && !world.actions.contains("countRestart"))
        world.happen(.restartRequested)
        #expect(world.life.state == .starting)
        world.happen(.limitExceeded("too slow", endsSession: false))
        #expect(world.life.state == .stopping && !world.life.willRestart)
        world.happen(.restartRequested)
        #expect(world.life.willRestart)
        world.happen(.stopRequested(StopStep.standard, .orderly, outputIsBlocked: false))
        #expect(!world.life.willRestart && !world.life.takesRestart)
    }

    /// Whatever comes in whatever order: states change by the table, what is over is over, and any session can be ended.
    @Test func noOrderOfEventsBreaksIt() {
        var random = SplitMix64.announced("lives")
        var seen: Set<SeenTransition> = []
        for _ in 0..<4000 {
            var world = World(random.pick([.no, .onFailure, .always]), leaves: random.below(4) == 0)
            var hasChild = true
            for _ in 0..<random.below(30) {
                world.leftovers = random.pick([0, 0, 1, 5, nil])
                world.isDrained = random.below(3) > 0
                world.isBlocked = !world.isDrained && random.below(2) == 0
                world.takesRecords = random.below(3) > 0
                world.isRemoved = random.below(8) == 0
                world.readerWaits = random.below(4) == 0
                world.limit = random.below(4) == 0 ? "enough" : nil
                let ends: [ProcessEnd] = [.exited(0), .exited(1), .signalled(9), .unknown]
                switch random.below(hasChild ? 12 : 8) {
                case 0:
                    let urgency: Life.Urgency = random.pick([.orderly, .termination, .now])
                    world.happen(
                        .stopRequested(StopStep.standard, urgency, outputIsBlocked: world.isBlocked))
                case 1: if world.life.takesRestart { world.happen(.restartRequested) }
                case 2: world.happen(.changed)
                case 3: world.happen(.leftoversDue)
                case 4: world.happen(.diskDue)
                case 5: world.happen(.readerGone)
                case 6: world.happen(.stuckDue)
                case 7:
                    guard case .waiting = world.life.phase else { break }
                    if random.below(3) == 0 {
                        world.happen(.startFailed("why", isTriedAgain: random.below(2) == 0))
                    } else {
                        world.happen(.spawned)
                        world.happen(.started)
                    }
                case 8: world.happen(.ready)
                case 9: world.happen(random.below(2) == 0 ? .paused : .resumed)
                case 10:
                    world.happen(random.below(2) == 0 ? .limitExceeded("l", endsSession: false) : .stepDue)
                default: world.childEnds(random.pick(ends))
                }
                switch world.life.phase {
                case .running, .stopping: hasChild = true
                case .over:
                    _ = world.done()
                    world.happen(.changed)
                    world.happen(.leftoversDue)
                    #expect(world.actions == [])
                    hasChild = false
                case .recording, .awaitingReader:
                    // Told to end, a keeper leaves what is stuck.
                    #expect(world.life.state.isFinal || world.life.state == .stuck)
                    hasChild = false
                case .clearing, .draining, .waiting: hasChild = false
                }
            }
            seen.formUnion(world.changes)
            (world.leftovers, world.isDrained, world.isBlocked) = (0, true, false)
            (world.takesRecords, world.readerWaits) = (true, false)
            world.happen(.stopRequested(StopStep.now, .now, outputIsBlocked: false))
            if hasChild { world.childEnds(.signalled(SIGKILL)) }
            for event: Life.Event in [.changed, .diskDue, .readerGone] { world.happen(event) }
            #expect(world.life.isOver, "\(world.life.phase)")
        }
        // All of the table but what only a death does.
        let wanted = KnownTransitions.all.filter { $0.event != "lost" && $0.from != "" }
        #expect(seen == wanted)
    }
}
