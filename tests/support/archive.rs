//! An archive for `docker load` with many small images: a thousand come in one request.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use dtop::domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Images upon one of these many bases, each with a layer of its own.
const BASES: usize = 20;
const BLOCK: usize = 512;

/// The name of an image of the archive.
pub fn name(number: usize) -> String {
    format!(
        "fleet-{:02}/app-{number:04}:1.{}",
        number % BASES,
        number % 7
    )
}

/// Writes an archive of so many images.
pub fn write(path: &Path, images: usize) -> io::Result<()> {
    let mut archive = BufWriter::new(File::create(path)?);
    let mut manifest = Vec::new();
    for base in 0..BASES {
        entry(
            &mut archive,
            &format!("base-{base}.tar"),
            &layer(&format!("base-{base}"), 4_000)?,
        )?;
    }
    for number in 0..images {
        let base = number % BASES;
        let own = layer(&format!("app-{number}"), 700 + number)?;
        let below = digest(&layer(&format!("base-{base}"), 4_000)?);
        let config = config(number, &[below, digest(&own)]).to_string();
        let (layer_name, config_name) = (format!("app-{number}.tar"), format!("{number}.json"));
        entry(&mut archive, &layer_name, &own)?;
        entry(&mut archive, &config_name, config.as_bytes())?;
        manifest.push(json!({
            "Config": config_name,
            "RepoTags": [name(number)],
            "Layers": [format!("base-{base}.tar"), layer_name],
        }));
    }
    entry(
        &mut archive,
        "manifest.json",
        Value::from(manifest).to_string().as_bytes(),
    )?;
    archive.write_all(&[0; 2 * BLOCK])?;
    archive.flush()
}

/// An archive with an image for each of these, of one layer with this content, by all of these names.
pub fn of(images: &[(String, &[&str])]) -> io::Result<Vec<u8>> {
    let mut archive = Vec::new();
    let mut manifest = Vec::new();
    for (number, (content, names)) in images.iter().enumerate() {
        let layer = layer(content, 2_000 + number)?;
        let made = "2026-03-01T10:00:00Z";
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": made,
            "config": {"Cmd": ["/none"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
            "history": [{"created": made, "created_by": content}],
        });
        let (layer_name, config_name) = (format!("{number}.tar"), format!("{number}.json"));
        entry(&mut archive, &layer_name, &layer)?;
        entry(&mut archive, &config_name, config.to_string().as_bytes())?;
        manifest.push(json!({"Config": config_name, "RepoTags": names, "Layers": [layer_name]}));
    }
    let manifest = Value::from(manifest).to_string();
    entry(&mut archive, "manifest.json", manifest.as_bytes())?;
    archive.write_all(&[0; 2 * BLOCK])?;
    Ok(archive)
}

/// An archive in OCI's layout with one image of two platforms, a statement about the first of them, which is this
/// machine's, and a platform that is not there.
pub fn of_platforms(name: &str) -> io::Result<Vec<u8>> {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let own = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let mut archive = Vec::new();
    let mut blob = |kind: &str, content: &[u8]| -> io::Result<Value> {
        let (digest, length) = (digest(content), content.len());
        let path = format!("blobs/{}", digest.replace(':', "/"));
        entry(&mut archive, &path, content)?;
        Ok(json!({"mediaType": kind, "digest": digest, "size": length}))
    };
    let mut rows = Vec::new();
    for (architecture, day) in [(own, 1), ("s390x", 2)] {
        let content = layer(architecture, 30_000 * day)?;
        let packed = blob("application/vnd.oci.image.layer.v1.tar", &content)?;
        let made = format!("2026-03-0{day}T10:00:00Z");
        let config = json!({
            "architecture": architecture, "os": "linux", "created": made,
            "config": {"Labels": {"of": architecture}},
            "rootfs": {"type": "layers", "diff_ids": [digest(&content)]},
            "history": [{"created": made, "created_by": architecture}],
        });
        let config = config.to_string();
        let config = blob(
            "application/vnd.oci.image.config.v1+json",
            config.as_bytes(),
        )?;
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": config, "layers": [packed]});
        let mut row = blob(MANIFEST, manifest.to_string().as_bytes())?;
        row["platform"] = json!({"os": "linux", "architecture": architecture});
        rows.push(row);
    }
    let statement = blob("application/vnd.in-toto+json", b"{\"of\": \"the first\"}")?;
    let config = blob("application/vnd.oci.image.config.v1+json", b"{}")?;
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": config, "layers": [statement]});
    let mut about = blob(MANIFEST, manifest.to_string().as_bytes())?;
    about["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    about["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": rows[0]["digest"],
    });
    rows.push(about);
    rows.push(
        json!({"mediaType": MANIFEST, "digest": digest(b"nothing"), "size": 7,
        "platform": {"os": "linux", "architecture": "riscv64"}}),
    );
    let index = "application/vnd.oci.image.index.v1+json";
    let all = json!({"schemaVersion": 2, "mediaType": index, "manifests": rows});
    let mut top = blob(index, all.to_string().as_bytes())?;
    top["annotations"] = json!({"io.containerd.image.name": name});
    let top = json!({"schemaVersion": 2, "manifests": [top]});
    entry(&mut archive, "index.json", top.to_string().as_bytes())?;
    let version = json!({"imageLayoutVersion": "1.0.0"});
    entry(&mut archive, "oci-layout", version.to_string().as_bytes())?;
    archive.write_all(&[0; 2 * BLOCK])?;
    Ok(archive)
}

/// An image of one small layer, and when it says that it was made.
pub struct Dated {
    pub name: String,
    pub created: Timestamp,
}

/// Writes an archive of these images.
pub fn write_dated(path: &Path, images: &[Dated]) -> io::Result<()> {
    let mut archive = BufWriter::new(File::create(path)?);
    let mut manifest = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let own = layer(&format!("file-{number}"), 20_000 + 1_000 * number)?;
        let created = image.created.to_string();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "created": created,
            "config": {"Cmd": ["/app"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&own)]},
            "history": [{"created": created, "created_by": "COPY file / # app"}],
        });
        let (layer_name, config_name) = (format!("{number}.tar"), format!("{number}.json"));
        entry(&mut archive, &layer_name, &own)?;
        entry(&mut archive, &config_name, config.to_string().as_bytes())?;
        manifest.push(json!({
            "Config": config_name,
            "RepoTags": [image.name],
            "Layers": [layer_name],
        }));
    }
    let manifest = Value::from(manifest).to_string();
    entry(&mut archive, "manifest.json", manifest.as_bytes())?;
    archive.write_all(&[0; 2 * BLOCK])?;
    archive.flush()
}

fn config(number: usize, layers: &[String; 2]) -> Value {
    let made = |minute: usize| format!("2026-03-{:02}T10:{:02}:00Z", 1 + number % 28, minute % 60);
    json!({
        "architecture": "amd64",
        "os": "linux",
        "created": made(number),
        "config": {"Cmd": ["/app"], "Labels": {"number": number.to_string()}},
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [
            {"created": made(0), "created_by": "COPY base / # base"},
            {"created": made(number), "created_by": format!("COPY app-{number} /app # app")},
        ],
    })
}

/// A layer: one file of its own bytes.
fn layer(name: &str, bytes: usize) -> io::Result<Vec<u8>> {
    let mut layer = Vec::new();
    let content: Vec<u8> = name.bytes().cycle().take(bytes).collect();
    entry(&mut layer, name, &content)?;
    layer.write_all(&[0; 2 * BLOCK])?;
    Ok(layer)
}

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// One file of a tar archive (ustar).
fn entry(archive: &mut impl Write, name: &str, content: &[u8]) -> io::Result<()> {
    let mut head = [0_u8; BLOCK];
    let mut field =
        |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000644");
    field(108, "0000000");
    field(116, "0000000");
    field(124, &format!("{:011o}", content.len()));
    field(136, "00000000000");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar");
    field(263, "00");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    archive.write_all(&head)?;
    archive.write_all(content)?;
    let rest = content.len().next_multiple_of(BLOCK) - content.len();
    archive.write_all(&vec![0; rest])
}
