//go:build gomonitor2018

package main

import old "github.com/blurooo/go-monitor"

func init() {
	open2018 = func(counted func()) reporter2018 {
		config := old.ReportClientConfig{
			Name:             "bench",
			StatisticalCycle: 300_000, // at the end of a period it may end the process
			OutputCaller:     func(*old.OutPutData) {},
		}
		if counted != nil {
			config.GetCodeFeature = func(int) (bool, string) {
				counted()
				return true, ""
			}
		}
		return old.Register(config)
	}
}
