/// The version that `keeperctl version`, the status and the log report.
package let keeperVersion: StaticString = "0.1.0"
