// Command netpol enforces NetworkPolicy on the local cluster's one node. It is a development aid: real clusters bring an engine.
//
// Pods are routed, not bridged, so that every packet between them crosses the forward hook. An address of the pod range the
// program does not know passes nothing, so that a new pod has no window; the rules stay in force when the program ends.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	debounce   = 30 * time.Millisecond
	resync     = 30 * time.Second
	nftSeconds = 10 * time.Second
	staleAfter = 3 * resync
)

type status struct {
	mutex    sync.Mutex
	LastSync time.Time `json:"lastSync"`
	Pods     int       `json:"pods"`
	Policies int       `json:"policies"`
	Failure  string    `json:"failure,omitempty"`
}

func (s *status) record(pods, policies int, failure error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.Failure = ""
	if failure != nil {
		s.Failure = failure.Error()
		return
	}
	s.LastSync, s.Pods, s.Policies = time.Now().UTC(), pods, policies
}

func (s *status) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.Failure != "" || time.Since(s.LastSync) > staleAfter {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(s)
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path of a kubeconfig that may list pods, namespaces and network policies")
	podCIDR := flag.String("pod-cidr", "10.244.0.0/16", "range pod addresses come from")
	health := flag.String("health", "127.0.0.1:8746", "loopback address of /healthz; empty: none")
	once := flag.Bool("once", false, "write the rules once and exit")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *podCIDR, *health, *once); err != nil && !errors.Is(err, context.Canceled) {
		slog.Error("netpol ends", "error", err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, podCIDR, health string, once bool) error {
	pods, err := netip.ParsePrefix(podCIDR)
	if err != nil {
		return fmt.Errorf("--pod-cidr: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("--kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// Nothing known, nothing passes, until the first list is in; rules of an earlier run stay.
	if exec.CommandContext(ctx, "nft", "list", "table", "inet", Table).Run() != nil {
		if err := write(ctx, Render(Plan{}, pods)); err != nil {
			return err
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	podLister := factory.Core().V1().Pods().Lister()
	namespaceLister := factory.Core().V1().Namespaces().Lister()
	policyLister := factory.Networking().V1().NetworkPolicies().Lister()
	wake := make(chan struct{}, 1)
	poke := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { poke() }, DeleteFunc: func(any) { poke() },
		UpdateFunc: func(before, after any) {
			if matters(before, after) {
				poke()
			}
		},
	}
	for _, informer := range []cache.SharedIndexInformer{
		factory.Core().V1().Pods().Informer(), factory.Core().V1().Namespaces().Informer(),
		factory.Networking().V1().NetworkPolicies().Informer(),
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("%v could not be listed", kind)
		}
	}
	state := &status{}
	serve(ctx, health, state)
	written := ""
	for {
		script, snapshot, err := compute(podLister.List, namespaceLister.List, policyLister.List, pods)
		if err == nil && (script != written || !tableStands(ctx)) {
			if err = write(ctx, script); err == nil {
				written = script
				slog.Info("rules written", "pods", len(snapshot.Pods), "policies", len(snapshot.Policies), "bytes", len(script))
			}
		}
		state.record(len(snapshot.Pods), len(snapshot.Policies), err)
		if once {
			return err
		}
		wait := resync
		if err != nil {
			slog.Error("rules not written", "error", err.Error())
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
			time.Sleep(debounce)
		case <-time.After(wait):
		}
	}
}

func compute(
	listPods func(labels.Selector) ([]*corev1.Pod, error),
	listNamespaces func(labels.Selector) ([]*corev1.Namespace, error),
	listPolicies func(labels.Selector) ([]*networkingv1.NetworkPolicy, error),
	pods netip.Prefix,
) (string, Snapshot, error) {
	var snapshot Snapshot
	var err error
	if snapshot.Pods, err = listPods(labels.Everything()); err != nil {
		return "", snapshot, err
	}
	if snapshot.Namespaces, err = listNamespaces(labels.Everything()); err != nil {
		return "", snapshot, err
	}
	if snapshot.Policies, err = listPolicies(labels.Everything()); err != nil {
		return "", snapshot, err
	}
	return Render(Build(snapshot), pods), snapshot, nil
}

// matters says whether an update can change a rule; a pod's status changes far more often than its address.
func matters(before, after any) bool {
	old, isPod := before.(*corev1.Pod)
	if !isPod {
		return true
	}
	new, _ := after.(*corev1.Pod)
	return old.Status.PodIP != new.Status.PodIP || old.Status.Phase != new.Status.Phase ||
		!labels.Equals(old.Labels, new.Labels)
}

func serve(ctx context.Context, address string, state *status) {
	if address == "" {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", state)
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("no health endpoint", "error", err.Error())
		}
	}()
	context.AfterFunc(ctx, func() { _ = server.Close() })
}

func tableStands(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, nftSeconds)
	defer cancel()
	return exec.CommandContext(ctx, "nft", "list", "chain", "inet", Table, "forward").Run() == nil
}

func write(ctx context.Context, script string) error {
	ctx, cancel := context.WithTimeout(ctx, nftSeconds)
	defer cancel()
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(script)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %.500s", err, out)
	}
	return nil
}
