{{/*
OPA beside a process that asks it: the rules come with the chart and change only with it. `files/policies` is a link to the
repository's `policies/`, which helm follows; a ConfigMap's keys hold no slash, so that "/" becomes "__" there.
*/}}
{{- define "funkhaus.opa.revision" -}}
{{- $lines := list }}
{{- range $path, $content := .Files.Glob "files/policies/**" }}
{{- if and (regexMatch "[.](rego|yaml|json)$" $path) (not (hasSuffix "_test.rego" $path)) }}
{{- $lines = append $lines (printf "%s  %s\n" (toString $content | sha256sum) (trimPrefix "files/policies/" $path)) }}
{{- end }}
{{- end -}}
sha256:{{ join "" $lines | sha256sum }}
{{- end -}}
{{- define "funkhaus.opa.container" -}}
name: opa
image: {{ .Values.opa.image }}
args:
  - run
  - --server
  - --addr=127.0.0.1:8181
  - --diagnostic-addr=0.0.0.0:8282
  - --authorization=basic
  - --disable-telemetry
  - --log-level=error
  - --set=decision_logs.console=true
  - /policies/..data/  # where kubelet keeps the files themselves; beside it lie links, which OPA does not follow
ports: [{name: opa-health, containerPort: 8282}]
readinessProbe: {httpGet: {path: /health, port: opa-health}, periodSeconds: 5}
livenessProbe: {httpGet: {path: /health, port: opa-health}, periodSeconds: 20, failureThreshold: 3}
resources:
  requests: {{- toYaml .Values.opa.resources | nindent 4 }}
  limits: {{- toYaml .Values.opa.resources | nindent 4 }}
securityContext: {{- include "funkhaus.securityContext" . | nindent 2 }}
volumeMounts: [{name: policies, mountPath: /policies, readOnly: true}]
{{- end -}}
{{- define "funkhaus.opa.volume" -}}
name: policies
configMap:
  name: {{ include "funkhaus.opa" . }}
  items:
    - {key: revision.json, path: data/revision.json}
{{- range $path, $_ := .Files.Glob "files/policies/**" }}
{{- if and (regexMatch "[.](rego|yaml|json)$" $path) (not (hasSuffix "_test.rego" $path)) }}
    {{- $short := trimPrefix "files/policies/" $path }}
    - {key: {{ replace "/" "__" $short }}, path: {{ $short }}}
{{- end }}
{{- end }}
{{- end -}}
