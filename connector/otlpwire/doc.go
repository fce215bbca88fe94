// Package otlpwire reads spans straight from the bytes of an OTLP request, protobuf or JSON: of
// each span no more than is needed to judge the call, with nothing allocated and nothing copied.
//
// It accepts what the Collector's decoder accepts, and refuses what that refuses: every length
// is checked, and every part is looked at. Only nesting is bounded, by [MaxDepth], which the
// Collector's decoder does not do.
package otlpwire
