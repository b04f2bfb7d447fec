/// What becomes of processes that are left when the child has ended.
package enum Leftovers: String, CaseIterable {
    case end, leave
}

/// Which processes a stop step's signal goes to.
package enum KillScope: String, CaseIterable {
    case group
    /// All descendants of the child, also those that left its group.
    case tree
    case process
}
