import KeeperShared

/// The table of the changes of state, as events have them.
enum KnownTransitions {
    static let all = Set(
        SessionTransition.all.map {
            SeenTransition(from: $0.from.map { "\($0.name)" } ?? "", event: $0.event, to: "\($0.to.name)")
        })
}
