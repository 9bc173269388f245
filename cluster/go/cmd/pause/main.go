// Command pause is what a pod's sandbox runs: it holds the pod's namespaces open, reaps what is re-parented to it where pods
// share their process namespace, and goes at the first SIGTERM or SIGINT.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if pid := os.Getpid(); pid != 1 {
		fmt.Fprintf(os.Stderr, "pause: my process id is %d, not 1: nothing will reap orphans here\n", pid)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	reap() // whatever died before the handler stood
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// reap collects every child that has ended. One SIGCHLD may stand for several.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 || err != nil {
			return
		}
	}
}
