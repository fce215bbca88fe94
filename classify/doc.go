// Package classify holds the rules that say of a finished span which operation it stands
// for, with which code the call ended, and whether it succeeded, failed, was given up by its
// caller, or was no call at all. They know what the instrumentation libraries really leave in
// their spans, and nothing of where a span comes from: whoever has one fills in a [Span] and
// asks:
//
//	rules := classify.New(codes, classify.Outcomes{}, nil) // once
//
//	s := classify.Span{SpanKind: kind, Name: name, Status: status, Message: message, Scope: scope}
//	for key, value := range attributes {
//		if rules.WantsText(key) { // only if there are custom rules
//			rules.SetText(&s, key, text)
//		}
//		if s.Wants(key) { // not needed, but quicker: most attributes have no meaning
//			s.Attributes.SetString(key, value) // or SetInt, as the value is
//		}
//	}
//	operation := rules.Operation(&s)
//	var e classify.Events
//	if s.NeedsEvents() { // likewise: they are often not looked at
//		e.Exception = lastException(events)
//	}
//	result := rules.Classify(&s, e)
//
// The code is the first there is of the gRPC status (rpc.response.status_code,
// rpc.status_code, rpc.grpc.status_code), the HTTP status (http.response.status_code,
// http.status_code) and the database's (db.response.status_code, pgx.sql_state), or "OK". That
// of a call that did not succeed is the first of these that does not mean success, or else
// error.type, the type of the exception, or "_OTHER". Codes of gRPC are given by their names,
// all others as they are.
//
// One gRPC code has one name, however it is spelled.
//
// Of the rules for the outcome the first that fits decides:
//
//  1. A custom [Rule] that sets an outcome, or else the table of codes that [New] is given.
//  2. A well-known case in which the span stands for no call or no failure, such as an optional
//     try: as the table of known cases says.
//  3. A status code that means success, and nothing that says otherwise: success.
//  4. The caller gave up: cancelled. The context says so where it is known ([GaveUp]), and codes,
//     types and words of errors where it is not. What the other side answered before counts more.
//  5. Status Ok: success.
//  6. HTTP 4xx of a server, HTTP 4xx of a client, gRPC NOT_FOUND of a client: as [Outcomes] say,
//     by default success, failure and failure.
//  7. Status Error, an error.type that says more than the code, HTTP 5xx of a server or a client,
//     a gRPC code that is the server's fault, any but OK of a client, or a panic ([IsPanic]):
//     failure.
//  8. Anything else: success.
//
// Calls that last as long as there is something to wait for, such as streams and polls, count as
// all others do; [Result.Untimed] says that their time is no latency.
//
// [Rules.Operation] says which operation a span stands for.
//
// The package imports nothing but the standard library and package engine.
package classify
