CREATE TABLE `idempotency_keys` (
	`actor_id` text NOT NULL,
	`route` text NOT NULL,
	`key` text NOT NULL,
	`body_sha256` text NOT NULL,
	`status` integer,
	`resource` text,
	`created_at_ms` integer NOT NULL,
	PRIMARY KEY(`actor_id`, `route`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_age` ON `idempotency_keys` (`created_at_ms`);--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `organizations` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	CONSTRAINT "organizations_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `organizations_name` ON `organizations` (`name`);--> statement-breakpoint
CREATE TABLE `people` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`email` text NOT NULL,
	`password_hash` text NOT NULL,
	`role` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`disabled_at_ms` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "people_role" CHECK("role" in ('owner', 'admin', 'member')),
	CONSTRAINT "people_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `people_email` ON `people` (`email`);--> statement-breakpoint
CREATE INDEX `people_organization` ON `people` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `refresh_tokens` (
	`token_hash` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`used_at_ms` integer,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `refresh_tokens_session` ON `refresh_tokens` (`session_id`);--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`person_id` text NOT NULL,
	`client` text NOT NULL,
	`address` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_used_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`revoked_at_ms` integer,
	`revoked_why` text,
	FOREIGN KEY (`person_id`) REFERENCES `people`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "sessions_expires" CHECK(typeof("expires_at_ms") = 'integer' and "expires_at_ms" > 0)
);
--> statement-breakpoint
CREATE INDEX `sessions_person` ON `sessions` (`person_id`,`id`);--> statement-breakpoint
CREATE TABLE `setup_links` (
	`token_hash` text PRIMARY KEY NOT NULL,
	`created_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`used_at_ms` integer,
	CONSTRAINT "setup_links_expires" CHECK(typeof("expires_at_ms") = 'integer' and "expires_at_ms" > 0)
);
--> statement-breakpoint
CREATE TABLE `signing_keys` (
	`kid` text PRIMARY KEY NOT NULL,
	`public_jwk` text NOT NULL,
	`private_sealed` blob NOT NULL,
	`created_at_ms` integer NOT NULL,
	`retired_at_ms` integer
);
--> statement-breakpoint
CREATE TABLE `enrolments` (
	`id` text PRIMARY KEY NOT NULL,
	`server_id` text NOT NULL,
	`token_hash` text NOT NULL,
	`public_url` text NOT NULL,
	`replaces` integer DEFAULT false NOT NULL,
	`created_by` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`expires_at_ms` integer NOT NULL,
	`claimed_at_ms` integer,
	`claimed_from` text,
	`revoked_at_ms` integer,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "enrolments_expires" CHECK(typeof("expires_at_ms") = 'integer' and "expires_at_ms" > 0),
	CONSTRAINT "enrolments_by" CHECK("created_by" is null or json_valid("created_by"))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `enrolments_token` ON `enrolments` (`token_hash`);--> statement-breakpoint
CREATE INDEX `enrolments_server` ON `enrolments` (`server_id`,`id`);--> statement-breakpoint
CREATE TABLE `host_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`server_id` text NOT NULL,
	`algorithm` text NOT NULL,
	`fingerprint` text NOT NULL,
	`public_key` text NOT NULL,
	`pinned_at_ms` integer NOT NULL,
	`replaced_at_ms` integer,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "host_keys_time" CHECK(typeof("pinned_at_ms") = 'integer' and "pinned_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `host_keys_pinned` ON `host_keys` (`fingerprint`) WHERE replaced_at_ms is null;--> statement-breakpoint
CREATE INDEX `host_keys_server` ON `host_keys` (`server_id`,`id`);--> statement-breakpoint
CREATE TABLE `server_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`server_id` text NOT NULL,
	`public_key` text NOT NULL,
	`private_sealed` blob NOT NULL,
	`created_at_ms` integer NOT NULL,
	`retired_at_ms` integer,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `server_keys_current` ON `server_keys` (`server_id`) WHERE retired_at_ms is null;--> statement-breakpoint
CREATE INDEX `server_keys_server` ON `server_keys` (`server_id`,`id`);--> statement-breakpoint
CREATE TABLE `servers` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`state` text NOT NULL,
	`address` text,
	`port` integer,
	`machine_id` text,
	`facts` text,
	`unreachable_cause` text,
	`hardened_at_ms` integer,
	`last_seen_at_ms` integer,
	`fence` integer DEFAULT 0 NOT NULL,
	`created_at_ms` integer NOT NULL,
	`removed_at_ms` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "servers_state" CHECK("state" in ('invited', 'enrolled', 'removed')),
	CONSTRAINT "servers_facts" CHECK("facts" is null or json_valid("facts")),
	CONSTRAINT "servers_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0),
	CONSTRAINT "servers_port" CHECK(port is null or (typeof(port) = 'integer' and port between 1 and 65535))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `servers_name` ON `servers` (`organization_id`,`name`) WHERE removed_at_ms is null;--> statement-breakpoint
CREATE UNIQUE INDEX `servers_machine` ON `servers` (`machine_id`) WHERE removed_at_ms is null and machine_id is not null;--> statement-breakpoint
CREATE INDEX `servers_list` ON `servers` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `artefacts` (
	`sha256` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`version` text NOT NULL,
	`arch` text NOT NULL,
	`bytes` integer NOT NULL,
	`source` text NOT NULL,
	`accepted_by` text,
	`created_at_ms` integer NOT NULL,
	CONSTRAINT "artefacts_by" CHECK("accepted_by" is null or json_valid("accepted_by"))
);
--> statement-breakpoint
CREATE INDEX `artefacts_name` ON `artefacts` (`name`,`version`,`arch`);--> statement-breakpoint
CREATE TABLE `clusters` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`server_id` text NOT NULL,
	`name` text NOT NULL,
	`state` text NOT NULL,
	`domain` text NOT NULL,
	`version` text,
	`created_at_ms` integer NOT NULL,
	`installed_at_ms` integer,
	`removed_at_ms` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "clusters_state" CHECK("state" in ('requested', 'installed', 'removed')),
	CONSTRAINT "clusters_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `clusters_name` ON `clusters` (`organization_id`,`name`) WHERE removed_at_ms is null;--> statement-breakpoint
CREATE UNIQUE INDEX `clusters_server` ON `clusters` (`server_id`) WHERE removed_at_ms is null;--> statement-breakpoint
CREATE INDEX `clusters_list` ON `clusters` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `environments` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "environments_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `environments_name` ON `environments` (`project_id`,`name`);--> statement-breakpoint
CREATE INDEX `environments_list` ON `environments` (`project_id`,`id`);--> statement-breakpoint
CREATE TABLE `namespaces` (
	`cluster_id` text NOT NULL,
	`namespace` text NOT NULL,
	`environment_id` text NOT NULL,
	PRIMARY KEY(`cluster_id`, `namespace`),
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`environment_id`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `namespaces_environment` ON `namespaces` (`environment_id`);--> statement-breakpoint
CREATE TABLE `projects` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "projects_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `projects_name` ON `projects` (`organization_id`,`name`);--> statement-breakpoint
CREATE INDEX `projects_list` ON `projects` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `apps` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`environment_id` text NOT NULL,
	`cluster_id` text NOT NULL,
	`name` text NOT NULL,
	`host` text NOT NULL,
	`state` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`removed_at_ms` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`environment_id`) REFERENCES `environments`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "apps_state" CHECK("state" in ('deployed', 'removed')),
	CONSTRAINT "apps_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `apps_name` ON `apps` (`environment_id`,`cluster_id`,`name`) WHERE removed_at_ms is null;--> statement-breakpoint
CREATE UNIQUE INDEX `apps_host` ON `apps` (`cluster_id`,`host`) WHERE removed_at_ms is null;--> statement-breakpoint
CREATE INDEX `apps_list` ON `apps` (`organization_id`,`id`);--> statement-breakpoint
CREATE TABLE `releases` (
	`id` text PRIMARY KEY NOT NULL,
	`app_id` text NOT NULL,
	`number` integer NOT NULL,
	`spec` text NOT NULL,
	`spec_sha256` text NOT NULL,
	`image_digest` text,
	`state` text NOT NULL,
	`fault` text,
	`created_by` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`settled_at_ms` integer,
	FOREIGN KEY (`app_id`) REFERENCES `apps`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "releases_state" CHECK("state" in ('requested', 'available', 'failed', 'superseded')),
	CONSTRAINT "releases_spec" CHECK("spec" is null or json_valid("spec")),
	CONSTRAINT "releases_fault" CHECK("fault" is null or json_valid("fault"))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `releases_number` ON `releases` (`app_id`,`number`);--> statement-breakpoint
CREATE INDEX `releases_list` ON `releases` (`app_id`,`id`);--> statement-breakpoint
CREATE TABLE `run_events` (
	`run_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at_ms` integer NOT NULL,
	`data` text NOT NULL,
	PRIMARY KEY(`run_id`, `seq`),
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "run_events_data" CHECK("data" is null or json_valid("data"))
);
--> statement-breakpoint
CREATE TABLE `runs` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`kind` text NOT NULL,
	`server_id` text NOT NULL,
	`cluster_id` text,
	`app_id` text,
	`release_id` text,
	`state` text NOT NULL,
	`input` text NOT NULL,
	`plan` text,
	`plan_hash` text,
	`fence` integer DEFAULT 0 NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`worker_id` text,
	`lease_until_ms` integer,
	`rung_at_ms` integer,
	`cancel_at_ms` integer,
	`timeout_ms` integer NOT NULL,
	`signatures` integer DEFAULT 0 NOT NULL,
	`last_seq` integer DEFAULT 0 NOT NULL,
	`fault` text,
	`result` text,
	`created_by` text NOT NULL,
	`retry_of` text,
	`queued_at_ms` integer NOT NULL,
	`started_at_ms` integer,
	`settled_at_ms` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`app_id`) REFERENCES `apps`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`release_id`) REFERENCES `releases`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`worker_id`) REFERENCES `workers`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "runs_state" CHECK("state" in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT "runs_kind" CHECK("kind" in ('audit', 'harden', 'undo', 'install', 'uninstall', 'deploy', 'retire')),
	CONSTRAINT "runs_input" CHECK("input" is null or json_valid("input")),
	CONSTRAINT "runs_plan" CHECK("plan" is null or json_valid("plan")),
	CONSTRAINT "runs_fault" CHECK("fault" is null or json_valid("fault")),
	CONSTRAINT "runs_result" CHECK("result" is null or json_valid("result")),
	CONSTRAINT "runs_queued" CHECK(typeof("queued_at_ms") = 'integer' and "queued_at_ms" > 0),
	CONSTRAINT "runs_settled" CHECK((state in ('succeeded', 'failed', 'cancelled')) = (settled_at_ms is not null))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `runs_one_running` ON `runs` (`server_id`) WHERE state = 'running';--> statement-breakpoint
CREATE INDEX `runs_list` ON `runs` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `runs_server` ON `runs` (`server_id`,`id`);--> statement-breakpoint
CREATE INDEX `runs_app` ON `runs` (`app_id`,`id`);--> statement-breakpoint
CREATE INDEX `runs_open` ON `runs` (`state`,`id`) WHERE state in ('queued', 'running');--> statement-breakpoint
CREATE TABLE `steps` (
	`run_id` text NOT NULL,
	`position` integer NOT NULL,
	`step_id` text NOT NULL,
	`kind` text NOT NULL,
	`title` text NOT NULL,
	`control` text,
	`state` text NOT NULL,
	`exit_code` integer,
	`started_at_ms` integer,
	`duration_ms` integer,
	`fault` text,
	`output_head` text DEFAULT '' NOT NULL,
	`output_tail` text DEFAULT '' NOT NULL,
	`output_bytes` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`run_id`, `position`),
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "steps_state" CHECK("state" in ('planned', 'started', 'changed', 'unchanged', 'failed', 'reverted', 'skipped')),
	CONSTRAINT "steps_fault" CHECK("fault" is null or json_valid("fault"))
);
--> statement-breakpoint
CREATE TABLE `workers` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`public_key` text NOT NULL,
	`local` integer NOT NULL,
	`created_at_ms` integer NOT NULL,
	`last_seen_at_ms` integer,
	`revoked_at_ms` integer,
	CONSTRAINT "workers_created" CHECK(typeof("created_at_ms") = 'integer' and "created_at_ms" > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `workers_key` ON `workers` (`public_key`);--> statement-breakpoint
CREATE TABLE `credentials` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`sealed` blob NOT NULL,
	`created_at_ms` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "credentials_kind" CHECK("kind" in ('git', 'registry'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `credentials_name` ON `credentials` (`organization_id`,`name`);--> statement-breakpoint
CREATE TABLE `events` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`actor` text NOT NULL,
	`name` text NOT NULL,
	`subject` text NOT NULL,
	`run_id` text,
	`data` text NOT NULL,
	`at_ms` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "events_actor" CHECK("actor" is null or json_valid("actor")),
	CONSTRAINT "events_data" CHECK("data" is null or json_valid("data")),
	CONSTRAINT "events_at" CHECK(typeof("at_ms") = 'integer' and "at_ms" > 0)
);
--> statement-breakpoint
CREATE INDEX `events_list` ON `events` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `events_subject` ON `events` (`subject`,`id`);--> statement-breakpoint
CREATE TABLE `findings` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`server_id` text NOT NULL,
	`scope` text NOT NULL,
	`app_id` text,
	`run_id` text NOT NULL,
	`control` text NOT NULL,
	`title` text NOT NULL,
	`severity` text NOT NULL,
	`evidence` text NOT NULL,
	`hint` text NOT NULL,
	`standards` text NOT NULL,
	`remedy` text NOT NULL,
	`found_at_ms` integer NOT NULL,
	`resolved_at_ms` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`app_id`) REFERENCES `apps`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "findings_severity" CHECK("severity" in ('critical', 'high', 'medium', 'low', 'info')),
	CONSTRAINT "findings_scope" CHECK("scope" in ('server', 'cluster', 'app')),
	CONSTRAINT "findings_standards" CHECK("standards" is null or json_valid("standards"))
);
--> statement-breakpoint
CREATE INDEX `findings_server` ON `findings` (`server_id`,`id`);--> statement-breakpoint
CREATE INDEX `findings_app` ON `findings` (`app_id`,`id`);--> statement-breakpoint
CREATE INDEX `findings_list` ON `findings` (`organization_id`,`id`);