// Package classify holds the rules that say of a finished span which operation it stands
// for, with which code the call ended, and whether it succeeded, failed, was given up by its
// caller, or was no call at all. They know what the instrumentation libraries really leave in
// their spans, and nothing of where a span comes from: whoever has one fills in a [Span] and
// asks:
//
//	rules := classify.New(codes, classify.Outcomes{}) // once
//
//	s := classify.Span{Kind: kind, Name: name, Status: status, Message: message}
//	for key, value := range attributes {
//		if s.Wants(key) { // not needed, but quicker: most attributes have no meaning
//			s.Attributes.SetString(key, value) // or SetInt, as the value is
//		}
//	}
//	operation := rules.Operation(&s)
//	var e classify.Exception
//	if s.NeedsException() { // likewise: it is often not looked at
//		e = lastException(events)
//	}
//	code, outcome := rules.Classify(&s, e)
//
// The code is the first there is of the gRPC status (rpc.response.status_code,
// rpc.status_code, rpc.grpc.status_code), the HTTP status (http.response.status_code,
// http.status_code) and the database's (db.response.status_code, pgx.sql_state), or "OK". That
// of a call that did not succeed is the first of these that does not mean success, or else
// error.type, the type of the exception, or "_OTHER". Codes of gRPC are given by their names,
// all others as they are.
//
// Of the rules for the outcome the first that fits decides:
//
//  1. A status code that means success, and nothing that says otherwise: success.
//  2. database/sql asked a driver for a short cut that it does not have: ignored.
//  3. The caller gave up (gRPC CANCELLED; 499 of a server; except for servers, a message
//     that ends in "context canceled", unless a gRPC code says otherwise): cancelled.
//  4. Status Ok: success.
//  5. HTTP 4xx of a server, HTTP 4xx of a client, gRPC NOT_FOUND of a client: as [Outcomes] say,
//     by default success, failure and failure.
//  6. Status Error, error.type, HTTP 5xx of a server or a client, a gRPC code that is the
//     server's fault, any but OK of a client, or a panic ([IsPanic]): failure.
//  7. Anything else: success.
//
// The table of codes that [New] is given has the last word on a call whose code is in it.
//
// The operation is the span's name, to which the server's address is added where a client's
// span is named after nothing but its HTTP method; how many addresses get an operation of
// their own is bounded.
//
// The package imports nothing but the standard library and package engine.
package classify
