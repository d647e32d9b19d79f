//! Values on their way to a column of PostgreSQL and back.

use super::super::connection::{SqlError, SqlResult};
use rusqlite::types::{FromSql, ToSqlOutput, Value, ValueRef};
use std::error::Error;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{
    FromSql as FromColumn, IsNull, ToSql as ToColumn, Type, to_sql_checked,
};

/// A parameter, of the type that its column has.
#[derive(Debug)]
pub(super) struct Parameter(Value);

impl Parameter {
    pub(super) fn new(value: &dyn rusqlite::ToSql) -> SqlResult<Self> {
        let value = match value.to_sql()? {
            ToSqlOutput::Borrowed(value) => Value::try_from(value).map_err(SqlError::Value)?,
            ToSqlOutput::Owned(value) => value,
            _ => Value::Null,
        };
        Ok(Self(value))
    }
}

impl ToColumn for Parameter {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(n) => match *ty {
                Type::FLOAT8 => (*n as f64).to_sql(ty, out),
                Type::INT4 => i32::try_from(*n)?.to_sql(ty, out),
                Type::BOOL => (*n != 0).to_sql(ty, out),
                _ => n.to_sql(&Type::INT8, out),
            },
            Value::Real(x) => x.to_sql(&Type::FLOAT8, out),
            // The one character that PostgreSQL cannot keep in a text.
            Value::Text(text) if text.contains('\0') => {
                text.replace('\0', "\u{fffd}").to_sql(ty, out)
            }
            Value::Text(text) => text.to_sql(ty, out),
            Value::Blob(octets) => octets.to_sql(&Type::BYTEA, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column as SQLite would give it.
struct Column<'a>(ValueRef<'a>);

impl<'a> FromColumn<'a> for Column<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::BOOL => ValueRef::Integer(bool::from_sql(ty, raw)?.into()),
            Type::INT2 => ValueRef::Integer(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => ValueRef::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => ValueRef::Integer(i64::from_sql(ty, raw)?),
            Type::FLOAT8 => ValueRef::Real(f64::from_sql(ty, raw)?),
            Type::BYTEA => ValueRef::Blob(raw),
            _ => ValueRef::Text(raw),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The value of a column.
pub(in super::super) fn get<T: FromSql>(row: &tokio_postgres::Row, column: usize) -> SqlResult<T> {
    let Column(value) = row.try_get(column)?;
    T::column_result(value).map_err(SqlError::Value)
}
