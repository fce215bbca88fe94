package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// manifests are the objects of deploy/kubernetes, by "Kind/name".
func manifests(t *testing.T) map[string]any {
	t.Helper()
	files, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	objects := map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(text), "\n---\n") {
			var head struct {
				APIVersion string `json:"apiVersion"`
				Kind       string `json:"kind"`
				Metadata   struct{ Name, Namespace string }
			}
			if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			var object any
			switch head.APIVersion + " " + head.Kind {
			case "v1 Namespace":
				object = &corev1.Namespace{}
			case "v1 ConfigMap":
				object = &corev1.ConfigMap{}
			case "v1 Service":
				object = &corev1.Service{}
			case "apps/v1 Deployment":
				object = &appsv1.Deployment{}
			case "apps/v1 StatefulSet":
				object = &appsv1.StatefulSet{}
			default:
				t.Fatalf("%s: no type is known for %s %s", file, head.APIVersion, head.Kind)
			}
			if err := yaml.UnmarshalStrict([]byte(doc), object); err != nil {
				t.Errorf("%s: %s %s: %v", file, head.Kind, head.Metadata.Name, err)
			}
			if head.Kind != "Namespace" && head.Metadata.Namespace != "go-monitor" {
				t.Errorf("%s: %s %s: namespace %q", file, head.Kind, head.Metadata.Name, head.Metadata.Namespace)
			}
			objects[head.Kind+"/"+head.Metadata.Name] = object
		}
	}
	return objects
}

// object returns one of the manifests.
func object[T any](t *testing.T, all map[string]any, key string) *T {
	t.Helper()
	o, ok := all[key].(*T)
	if !ok {
		t.Fatalf("there is no %s among %v", key, slices.Sorted(maps.Keys(all)))
	}
	return o
}

// Everything in a manifest is known to the API, and what refers to something else in them
// finds it.
func TestManifests(t *testing.T) {
	all := manifests(t)
	first := object[appsv1.Deployment](t, all, "Deployment/go-monitor-first-tier")
	set := object[appsv1.StatefulSet](t, all, "StatefulSet/go-monitor-analysis")
	headless := object[corev1.Service](t, all, "Service/go-monitor-analysis")
	service := object[corev1.Service](t, all, "Service/go-monitor")

	for _, tt := range []struct {
		name     string
		service  *corev1.Service
		selector map[string]string
		pod      *corev1.PodTemplateSpec
	}{
		{"first tier", service, first.Spec.Selector.MatchLabels, &first.Spec.Template},
		{"analysis", headless, set.Spec.Selector.MatchLabels, &set.Spec.Template},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !maps.Equal(tt.service.Spec.Selector, tt.pod.Labels) || !maps.Equal(tt.selector, tt.pod.Labels) {
				t.Errorf("selectors %v and %v, labels %v", tt.service.Spec.Selector, tt.selector, tt.pod.Labels)
			}
			c := tt.pod.Spec.Containers[0]
			ports := map[string]int32{}
			for _, p := range c.Ports {
				ports[p.Name] = p.ContainerPort
			}
			for _, p := range tt.service.Spec.Ports {
				if ports[p.TargetPort.StrVal] != p.Port {
					t.Errorf("service port %s: %d, container ports %v", p.Name, p.Port, ports)
				}
			}
			for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe} {
				if probe == nil || probe.HTTPGet == nil || ports[probe.HTTPGet.Port.StrVal] != 13133 {
					t.Errorf("probe %+v", probe)
				}
			}
			if c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("resources %+v", c.Resources)
			}
			volumes := map[string]bool{}
			for _, v := range tt.pod.Spec.Volumes {
				volumes[v.Name] = true
				if v.ConfigMap != nil {
					object[corev1.ConfigMap](t, all, "ConfigMap/"+v.ConfigMap.Name)
				}
			}
			for _, v := range set.Spec.VolumeClaimTemplates {
				volumes[v.Name] = true
			}
			for _, m := range c.VolumeMounts {
				if !volumes[m.Name] {
					t.Errorf("mounts %s, which is no volume", m.Name)
				}
			}
		})
	}
	if set.Spec.ServiceName != headless.Name || headless.Spec.ClusterIP != corev1.ClusterIPNone || !headless.Spec.PublishNotReadyAddresses {
		t.Errorf("the service of the StatefulSet %s: %+v", set.Spec.ServiceName, headless.Spec)
	}
	config := object[corev1.ConfigMap](t, all, "ConfigMap/go-monitor-first-tier").Data["config.yaml"]
	for i := range int(*set.Spec.Replicas) + 1 {
		host := fmt.Sprintf("- %s-%d.%s.%s.svc.cluster.local:4317\n", set.Name, i, headless.Name, set.Namespace)
		if got, want := strings.Contains(config, host), i < int(*set.Spec.Replicas); got != want {
			t.Errorf("the first tier's config names %s: %t, want %t", strings.TrimSpace(host), got, want)
		}
	}
}

// The service takes every config that comes with it.
func TestConfigsAreValid(t *testing.T) {
	t.Setenv("GO_MONITOR_DB", filepath.Join(t.TempDir(), "monitor.db"))
	t.Setenv("POD_NAME", "go-monitor-analysis-0")
	configs := map[string]string{"default": defaultURI}
	for key, o := range manifests(t) {
		if m, ok := o.(*corev1.ConfigMap); ok {
			configs[key] = "yaml:" + m.Data["config.yaml"]
		}
	}
	files, err := filepath.Glob("../../deploy/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		configs[file] = file
	}
	if len(configs) != 5 {
		t.Errorf("configs %v, want 5", slices.Sorted(maps.Keys(configs)))
	}
	for name, uri := range configs {
		t.Run(name, func(t *testing.T) {
			c := newCommand()
			c.SetArgs([]string{"validate", "--config", uri})
			if err := c.Execute(); err != nil {
				t.Error(readable(err))
			}
		})
	}
}
