import{a as k,b as T,c as v,d as C,e as y,f as _}from"./chunk-6FWE6NLM.js";import{A as E,H as F,I as O,b as f,ba as $,c as h,da as D,h as p,i as S,m as w,oa as b,ra as n,sa as I}from"./chunk-5D7LDSM5.js";var R=[["pages",["path","entry_path","exit_path","hostname"]],["sources",["channel","source","referrer","utm_source","utm_medium","utm_campaign","utm_term","utm_content"]],["locations",["country","region","city","language"]],["devices",["browser","os","device","screen"]],["events",["type","subject","payload"]]],V=50,g="payload.";function j({state:t,go:e,index:l,close:s}){let i=l===null?void 0:T(t.filter)[l],[a,r]=f(()=>q(i)),u=d=>r({...a,...d}),o=A(a),c=x(t,N(a),l),m=d=>{d.preventDefault(),o&&(e({filter:l===null?_(t.filter,o):y(t.filter,l,o)}),s())};return p`<${b} title=${n(l===null?"addFilter":"editFilter")} close=${s} isNarrow=${!0}>
    <form onSubmit=${m}>
      <${G} draft=${a} change=${u} />
      ${P(a.operator)&&p`<${K} draft=${a} change=${u} options=${c} />`}
      <div class="dlg-foot">
        <button type="button" class="btn" onClick=${s}>${n("cancel")}</button>
        <button class="btn primary" disabled=${!o}>${n("apply")}</button>
      </div>
    </form>
  <//>`}function q(t){let e=t?.field??"path",l=e.startsWith(g);return{field:l?"payload":e,property:l?e.slice(g.length):"",operator:W(t),values:t?.values?.filter(Boolean)??[],typed:""}}function N({field:t,property:e}){return t!=="payload"?t:e?C(e):""}var P=t=>t!=="empty"&&t!=="notEmpty",B=({values:t,typed:e})=>[...new Set([...t,e.trim()])].filter(Boolean);function A(t){let e=N(t);if(!e)return"";if(!P(t.operator))return v(e,t.operator==="empty"?"==":"!=",[""]);let l=B(t);return l.length?v(e,t.operator,l):""}function G({draft:t,change:e}){let l=r=>e({field:r.target.value,values:[],typed:""}),s=r=>e({operator:r.target.value}),i=r=>e({property:r.target.value}),a=(r,u)=>p`<option key=${r} value=${r}>${u}</option>`;return p`<div class="pair">
      <label class="field">${n("field")}
        <select value=${t.field} data-focus onChange=${l}>
          ${R.map(([r,u])=>p`<optgroup key=${r} label=${n(r)}>
            ${u.filter(w).map(o=>a(o,I(o)))}
          </optgroup>`)}
        </select>
      </label>
      <label class="field">${n("operator")}
        <select value=${t.operator} onChange=${s}>
          ${[...k,"empty","notEmpty"].map(r=>a(r,n(r)))}
        </select>
      </label>
    </div>
    ${t.field==="payload"&&p`<label class="field">${n("propertyName")}
      <input value=${t.property} placeholder="plan" onInput=${i} />
    </label>`}`}function K({draft:t,change:e,options:l}){let{field:s,values:i,typed:a}=t,r=o=>{o.key!=="Enter"||!a.trim()||(o.preventDefault(),e({values:B(t),typed:""}))},u=o=>e({values:i.filter(c=>c!==o)});return p`<div class="values">
      ${i.map(o=>p`<span class="chip" key=${o}>
        <span class="lbl">${$(s,o)}</span>
        <button type="button" aria-label=${n("remove",{value:o})} onClick=${()=>u(o)}>
          <${D} name="x" size="13" />
        </button>
      </span>`)}
    </div>
    <label class="field">${n(i.length?"anotherValue":"value")}
      <input list="filter-values" autocomplete="off" value=${a} placeholder=${n("valueHint")}
        onInput=${o=>e({typed:o.target.value})} onKeyDown=${r} />
    </label>
    <datalist id="filter-values">
      ${l.filter(o=>!i.includes(o)).map(o=>p`<option key=${o} value=${o}>${$(s,o)}</option>`)}
    </datalist>`}function W(t){return t?.values?.length===1&&t.values[0]===""?t.operator==="=="?"empty":"notEmpty":t?.operator??"=="}function x(t,e,l){let[s,i]=f({dimension:"",values:[]});return h(()=>{if(!e)return;let a=E(t,l===null?t.filter:y(t.filter,l));a.set("dimension",e),a.set("limit",String(V));let r=new AbortController,u=setTimeout(()=>F("reports/breakdown?"+a,r.signal).then(o=>i({dimension:e,values:o.rows.flatMap(c=>c.value??[])}),()=>{}),e.startsWith(g)?400:0);return()=>{clearTimeout(u),r.abort()}},[e]),s.dimension===e?s.values:[]}function X({state:t,go:e,close:l}){let[s,i]=f(""),[a,r]=f(!1),u=async o=>{o.preventDefault(),r(!0);try{let c=String(new FormData(o.target).get("name")).trim(),m=await O("POST","segments",{site:S,name:c,filter:t.filter});e({filter:m.term}),l()}catch(c){i(c.message||n("offline")),r(!1)}};return p`<${b} title=${n("saveSegment")} close=${l} isNarrow=${!0}><form onSubmit=${u}>
    <label class="field">${n("segmentName")}<input name="name" required maxlength="100" data-focus /></label>
    ${s&&p`<div class="card alert" role="alert"><div>${s}</div></div>`}
    <div class="dlg-foot"><button type="button" class="btn" onClick=${l}>${n("cancel")}</button>
      <button class="btn primary" disabled=${a}>${n("save")}</button></div>
  </form><//>`}export{X as SegmentDialog,j as default};
