// Package detection measures how well package baseline finds faults in recordings:
//
//	go test -run TestRecordedFaults -v ./detection
package detection
