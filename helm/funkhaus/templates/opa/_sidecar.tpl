{{/*
OPA beside a process that asks it. It gets the rules from the API server as a signed bundle; with the chart come its configuration
and who may ask it what. `files/policies` is a link to the repository's `policies/`, which helm follows; a ConfigMap's keys hold no
slash, so that "/" becomes "__" there.
*/}}
{{- define "funkhaus.opa.container" -}}
name: opa
image: {{ .Values.opa.image }}
args:
  - run
  - --server
  - --addr=127.0.0.1:8181
  - --diagnostic-addr=0.0.0.0:8282
  - --authorization=basic
  - --skip-version-check
  - --log-level=error
  - --config-file=/opa-configuration/opa.yaml
  - --set-file=keys.house.key=/policy-keys/certificate
  - /opa-configuration/..data/system/  # where kubelet keeps the files themselves; beside it lie links, which OPA does not follow
ports: [{name: opa-health, containerPort: 8282}]
readinessProbe: {httpGet: {path: "/health?bundles=true", port: opa-health}, periodSeconds: 5}
livenessProbe: {httpGet: {path: /health, port: opa-health}, periodSeconds: 20, failureThreshold: 3}
resources:
  requests: {{- toYaml .Values.opa.resources | nindent 4 }}
  limits: {{- toYaml .Values.opa.resources | nindent 4 }}
securityContext: {{- include "funkhaus.securityContext" . | nindent 2 }}
volumeMounts:
  - {name: opa-configuration, mountPath: /opa-configuration, readOnly: true}
  - {name: policy-keys, mountPath: /policy-keys, readOnly: true}
  - {name: opa-kept, mountPath: /kept}
{{- end -}}
{{- define "funkhaus.opa.volumes" -}}
- name: opa-configuration
  configMap:
    name: {{ include "funkhaus.opa" . }}
    items:
      - {key: opa.yaml, path: opa.yaml}
{{- range $path, $_ := .Files.Glob "files/policies/system/**" }}
{{- if and (hasSuffix ".rego" $path) (not (hasSuffix "_test.rego" $path)) }}
      {{- $short := trimPrefix "files/policies/" $path }}
      - {key: {{ replace "/" "__" $short }}, path: {{ $short }}}
{{- end }}
{{- end }}
- name: policy-keys
  secret:
    secretName: {{ include "funkhaus.policyKeys" . }}
    items: [{key: certificate, path: certificate}, {key: bundle-token, path: bundle-token}]  # never the signing key
- name: opa-kept  # the last bundle, for a start of the container without the API server
  emptyDir: {sizeLimit: 32Mi}
{{- end -}}
{{- define "funkhaus.opa.configuration" -}}
services:
  house:
    url: http://{{ include "funkhaus.api" . }}.{{ .Release.Namespace }}.svc/v1/policy
    response_header_timeout_seconds: 40
    credentials: {bearer: {token_path: /policy-keys/bundle-token}}
keys:
  house: {algorithm: RS256}
bundles:
  house:
    service: house
    resource: bundle
    persist: true
    signing: {keyid: house}
    polling: {long_polling_timeout_seconds: 30, min_delay_seconds: 1, max_delay_seconds: 2}
persistence_directory: /kept
decision_logs: {console: true}
{{- end -}}
