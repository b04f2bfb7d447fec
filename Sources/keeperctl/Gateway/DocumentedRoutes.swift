import KeeperShared

/// One of the gateway's routes, in words, for documents.
package struct DocumentedRoute {
    /// Such as `POST /api/v1/sessions/{id}/write`.
    package let request: String
    /// The name of the method of JSON-RPC; nil where it is none.
    package let method: String?
    /// What it does.
    package let summary: String
    /// Whether the token that is good for looking is enough.
    package let isForReading: Bool
    /// What comes back, with the status.
    package let result: String
    /// Members of the body, or names in the query, with what they mean.
    package let fields: [(name: String, help: String, isRequired: Bool)]

    /// All of them, in their order.
    package static var all: [DocumentedRoute] {
        Routes.all.map { route in
            DocumentedRoute(
                request: concat(route.method.rawValue, " ", route.fullPath),
                method: route.isMethod ? "\(route.name)" : nil,
                summary: "\(route.summary)", isForReading: route.right == .read,
                result: concat(String(route.result.status), ": ", "\(route.result.summary)"),
                fields: route.fields.map { ("\($0.name)", "\($0.help)", $0.isRequired) })
        }
    }
}
